"""Fixtures of the tests of JSON:API."""

import pytest

from tests.support.api import Api
from tests.support.jsonapi import ResourceClient


@pytest.fixture
def resources(api: Api) -> ResourceClient:
    return ResourceClient(api)
