"""check.py FILE: whether a page, or a picture, of nn-sweep plot is well-formed and has all in it; prints what it has."""
import html.parser
import json
import re
import sys
import xml.etree.ElementTree as tree

text = open(sys.argv[1], encoding="utf-8").read()
assert not re.search(r"(https?:)?//\w", text.replace('xmlns="http://www.w3.org/2000/svg"', "")), "a reference to elsewhere"
assert not re.search(r"@import|url\(", text), "a style from elsewhere"
if text.startswith("<svg"):
    root = tree.fromstring(text)
    names = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text") if e.get("class") == "heading"]
    print("svg:", ", ".join(names))
    sys.exit()


class Page(html.parser.HTMLParser):
    tags, ids, open_tags = [], [], []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert not {"src", "href", "srcset", "action"} & set(names), f"{tag} refers to elsewhere"
        assert not [name for name in names if name.startswith("on")], f"{tag} has a handler"
        self.tags.append(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in {"meta", "input"}:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open_tags.pop()

    def handle_endtag(self, tag):
        opened = self.open_tags.pop()
        assert tag == opened, f"</{tag}> ends {opened}"


page = Page()
page.feed(text)
page.close()
assert not page.open_tags and page.tags.count("script") == 2 and "img" not in page.tags
assert len(page.ids) == len(set(page.ids)), "an id comes twice"
for svg in re.findall(r"<svg.*?</svg>", text, re.S):
    assert tree.fromstring(svg).get("aria-label")
data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
assert all(len(row) == len(data["columns"]) for row in data["rows"])
shown = [name for name in page.ids if re.search(rf'<(figure|section)[^>]* id="{name}"', text)]
print("page:", ", ".join(shown) + ";", len(data["rows"]), "trials,", text.count("<svg"), "drawings")
