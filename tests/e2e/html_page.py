"""What tests ask of an HTML page."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """What the tests ask of a page: its tags, and everything it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset"}]


def stands_alone(text: str) -> bool:
    page = Page(text)
    return not page.loaded and not {"script", "link", "iframe"} & set(page.tags) and "url(" not in text
