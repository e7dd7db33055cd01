"""Write what lint and tests said as one page."""

import os
import re
import sys
from pathlib import Path

log, page = Path(sys.argv[1]), Path(sys.argv[2])
text = log.read_text(encoding="utf-8") if log.exists() else "the tests did not run\n"
ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
bad = re.findall(r"^(?:FAIL|ERROR): (.+)$", text, re.MULTILINE)
lines = [
    "# Before the commit",
    "",
    f"- lint: {os.environ['LINT']}",
    f"- tests: {os.environ['TESTS']}, {ran[1] if ran else 'none'} run, {len(bad)} failed",
    *(f"  - {name}" for name in bad),
    "",
    "```text",
    text.rstrip(),
    "```",
]
page.write_text("\n".join(lines) + "\n", encoding="utf-8")
print(page.read_text(encoding="utf-8").split("```")[0].rstrip())
