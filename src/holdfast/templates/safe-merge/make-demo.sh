# A small repository to try the plan on: demo/work, a clone of the bare repository demo/origin.git.
set -eu
cd "$(dirname "$0")"
[ ! -e demo ] || { echo "there is a folder demo already" >&2; exit 1; }
git init --quiet --bare --initial-branch=main demo/origin.git
git init --quiet --initial-branch=main demo/work
cd demo/work
git config user.name "Demo" && git config user.email demo@example.org
git remote add origin "$PWD/../origin.git"

mkdir tests
cat >greeting.py <<'END'
"""Greets people."""


def greet(name):
    return f"Hello, {name}."
END
cat >tests/test_greeting.py <<'END'
import unittest

from greeting import greet


class Greeting(unittest.TestCase):
    def test_everybody_is_greeted_by_name(self):
        self.assertEqual(greet("Ada"), "Hello, Ada.")
END
: >tests/__init__.py
git add . && git commit --quiet --message "A greeting"
git push --quiet --set-upstream origin main

git switch --quiet --create feature/greeting
cat >farewell.py <<'END'
"""Takes leave of people."""


def part(name):
    return f"Goodbye, {name}."
END
cat >tests/test_farewell.py <<'END'
import unittest

from farewell import part


class Farewell(unittest.TestCase):
    def test_everybody_is_taken_leave_of_by_name(self):
        self.assertEqual(part("Ada"), "Goodbye, Ada.")
END
git add . && git commit --quiet --message "A farewell"
git switch --quiet main
echo "demo/work is ready: feature/greeting is one commit ahead of main"
