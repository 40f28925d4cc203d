"""One `parley run` a state."""

import os

import pytest

from local.lock import InUse, locked


def test_a_state_in_use_is_refused_by_name_and_free_again_afterwards(tmp_path):
    with locked(tmp_path):
        with pytest.raises(InUse, match=f"process {os.getpid()}") as caught, locked(tmp_path):
            pass
        assert "--state" in str(caught.value)
    with locked(tmp_path):
        pass
