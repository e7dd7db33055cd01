"""What a basket costs."""

import unittest

from shopping import discounted, total

PRICES = {"apple": 45, "bread": 320}


class Shopping(unittest.TestCase):
    def test_a_basket_is_the_sum_of_its_articles(self) -> None:
        self.assertEqual(total({"apple": 4, "bread": 1}, PRICES), 500)

    def test_an_empty_basket_is_free(self) -> None:
        self.assertEqual(total({}, PRICES), 0)

    def test_an_article_without_a_price_is_named(self) -> None:
        with self.assertRaisesRegex(KeyError, "no price for pear"):
            total({"pear": 1}, PRICES)

    def test_a_discount_is_rounded_down(self) -> None:
        self.assertEqual(discounted(999, 10), 899)

    def test_a_discount_beyond_the_price_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            discounted(100, 101)
