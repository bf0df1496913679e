"""Waiting for what a page comes to, rather than for a time."""

import time

__all__ = ["eventually", "quiet"]

QUIET = """() => new Promise(done => {
  let writings = 0, rest = 0;
  const drawn = () => { const then = writings; const again = left => requestAnimationFrame(() =>
    then !== writings ? 0 : left ? again(left - 1) : (look.disconnect(), done(true))); again(1); };
  const wait = () => (writings++, clearTimeout(rest), (rest = setTimeout(drawn, 200)));
  const look = new MutationObserver(wait);
  look.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
  wait();
})"""


def eventually(page, check, seconds=10.0):
    """Whether a check of the page holds, within so many seconds."""
    until = time.monotonic() + seconds
    while not (holds := check()) and time.monotonic() < until:
        page.wait_for_timeout(30)
    return holds


def quiet(page):
    """Once the page has written nothing for a fifth of a second and two frames: what it asked for first is shown."""
    page.evaluate(QUIET)
