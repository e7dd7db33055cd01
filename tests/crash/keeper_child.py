"""The keeper, dying at a crash point: started in its place with the same arguments; only the first one dies."""

import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.crash.points import Points

KEEPER = Path(__file__).parents[2] / "src" / "holdfast" / "engine" / "keeper"

if __name__ == "__main__":
    mark = os.environ["CRASH_KEEPER_MARK"]
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        points = Points(int(os.environ["CRASH_KEEPER_POINT"]), Path(mark + ".points"))
        points.watch_system()
    except FileExistsError:
        pass
    sys.argv[0] = str(KEEPER / "__main__.py")
    sys.path.insert(0, str(KEEPER))
    runpy.run_path(str(KEEPER / "__main__.py"), run_name="__main__")
