import os
import pathlib
import sys

# Before the first import of torch. Threads that spin between operations slow the tests down on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
