// Which colours the page wears: what is drawn with them, and not by CSS, is drawn anew when they change.
import { signal } from "@preact/signals";

const DARK = "(prefers-color-scheme: dark)";

function worn(): string {
  const chosen = document.documentElement.dataset["theme"] ?? "";
  return chosen || (matchMedia(DARK).matches ? "dark" : "light");
}

export const dress = signal(typeof document === "undefined" ? "light" : worn());

if (typeof document !== "undefined") {
  const look = () => (dress.value = worn());
  new MutationObserver(look).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia(DARK).addEventListener("change", look);
}
