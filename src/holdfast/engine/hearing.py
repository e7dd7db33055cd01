"""What a driver must have heard before it tells of an end."""

from typing import TYPE_CHECKING

from holdfast.run.reviews import cuts_off

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver
    from holdfast.run.events import Event


def hears_first(driver: "Driver", event: "Event") -> bool:
    """Whether an event that ends what people are asked waits until all that was told before it is durable.

    Then everything that people said until that is heard, and they are not asked any more.
    """
    return cuts_off(driver.run, event) and driver.told > driver.durable_told
