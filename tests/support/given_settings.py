"""Settings as a test gives them, and otherwise the defaults."""

from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from app.config.settings import Settings


class GivenSettings(Settings):
    """Settings that nothing in the environment changes, whoever runs the tests: to look them up there takes long."""

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        return (sources["init_settings"],)
