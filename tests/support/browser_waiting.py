"""Waiting for what a page comes to, rather than for a time."""

import time

__all__ = ["eventually", "quiet"]

QUIET = """() => new Promise(done => {
  const end = () => (look.disconnect(), done(true));
  let rest = setTimeout(end, 200);
  const look = new MutationObserver(() => (clearTimeout(rest), (rest = setTimeout(end, 200))));
  look.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
})"""


def eventually(page, check, seconds=10.0):
    """Whether a check of the page holds, within so many seconds."""
    until = time.monotonic() + seconds
    while not (holds := check()) and time.monotonic() < until:
        page.wait_for_timeout(30)
    return holds


def quiet(page):
    """Once the page has written nothing for a fifth of a second: what it asked for first is shown."""
    page.evaluate(QUIET)
