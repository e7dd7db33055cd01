"""What a basket costs, in cents, so that no cent is lost to rounding."""


def total(basket: dict[str, int], prices: dict[str, int]) -> int:
    """The sum of a basket, which maps articles to how many of each."""
    missing = [article for article in basket if article not in prices]
    if missing:
        raise KeyError(f"no price for {', '.join(sorted(missing))}")
    return sum(prices[article] * count for article, count in basket.items())


def discounted(cents: int, percent: int) -> int:
    """The price less a discount, rounded down to a cent."""
    if not 0 <= percent <= 100:
        raise ValueError(f"a discount is from 0 to 100 percent, not {percent}")
    return cents * (100 - percent) // 100
