"""A job that is killed while it writes: what was released is whole, and the next job clears up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from make_result import make_result

from harmattan.forecast.publish import publish_release, read_sums, sums_of

# One process that starts once, and a child per moment that kills itself there.
JOB = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from make_result import make_result
from harmattan.forecast.publish import publish_release

out, new = Path(sys.argv[2]), make_result(seed=2)
names = []
publish_release(make_result(seed=1), "<p>", out, on_file=names.append)
for moment in names:
    child = os.fork()
    if not child:
        def kill(name):
            if name == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        publish_release(new, "<p>", out, on_file=kill)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    left = sorted(path.name for path in out.iterdir())
    assert left == [".lock", ".tmp-2023-12", "2023-12"], left
print(len(names))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_kill_at_any_file_leaves_the_old_release_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", JOB, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert int(done.stdout) == 12
    old = tmp_path / "2023-12"
    assert read_sums(old) == sums_of(old)
    new = publish_release(make_result(seed=2), "<p>", tmp_path)
    assert new.path.name == "2023-12_r2"
    assert read_sums(new.path) == sums_of(new.path)
    assert list(tmp_path.glob(".tmp-*")) == []
