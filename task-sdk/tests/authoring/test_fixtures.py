"""DAG files as authors of Airflow 3 write them, and the forms that they have."""

import json

import pytest

from tests.authoring.golden import FILES, forms, golden


@pytest.mark.parametrize("file", FILES)
def test_the_form_of_a_file_is_the_one_that_is_kept(file: str) -> None:
    assert forms(file) == json.loads(golden(file).read_text(encoding="utf-8"))
