"""A teacher shares, a class follows: what the visitors' pages show when the owner's goes somewhere."""

from browser_waiting import eventually


def place(page):
    return page.evaluate("location.hash")


def test_visitors_follow_the_owner_until_they_go_elsewhere_and_again_when_they_like(tab):
    owner = tab("#/graph?view=matrices")
    assert eventually(owner, lambda: "left=" in place(owner))
    visitor = tab(visits=True, width=390, height=844)
    assert eventually(visitor, lambda: place(visitor) == place(owner))
    assert visitor.get_by_role("heading", name="Graph").count() == 1
    owner.get_by_role("link", name="Playground").click()
    assert eventually(visitor, lambda: "#/playground" in place(visitor))
    picture = visitor.locator(".visited canvas").first
    settings = visitor.locator(".visited summary", has_text="What is set")
    assert eventually(visitor, lambda: picture.count() and settings.count())
    assert picture.bounding_box()["y"] < settings.bounding_box()["y"]
    assert not visitor.locator(".deck").is_visible()

    visitor.get_by_role("link", name="Images").click()
    switch = visitor.get_by_label("Follow the presenter")
    assert eventually(visitor, lambda: not switch.is_checked())
    owner.get_by_role("link", name="Graph").click()
    assert eventually(owner, lambda: "#/graph" in place(owner))
    visitor.wait_for_timeout(300)
    assert "#/images" in place(visitor)
    switch.check()
    assert eventually(visitor, lambda: place(visitor) == place(owner))
