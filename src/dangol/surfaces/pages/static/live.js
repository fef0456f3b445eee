// Follows the workspace's files: asks whether they changed, and exchanges only the pieces of the page that did.
"use strict";
(() => {
  const shown = document.getElementById("shown");
  const status = document.getElementById("live");
  const PAUSE = 700;
  let state = shown.dataset.live;

  const pieces = (root) => new Map([...root.querySelectorAll("[data-piece]")].map((one) => [one.dataset.piece, one]));
  const asServed = new Map([...pieces(shown)].map(([name, one]) => [name, one.outerHTML]));

  function tell(away) {
    status.classList.toggle("away", away);
    const words = away ? status.dataset.away : status.dataset.here;
    if (status.textContent !== words) status.textContent = words;
  }

  function exchange(fresh) {
    const before = pieces(shown), after = pieces(fresh);
    const same = before.size === after.size && [...after.keys()].every((name) => before.has(name));
    if (!same) shown.replaceChildren(...fresh.childNodes);
    for (const [name, piece] of after) {
      const html = piece.outerHTML;
      if (same && asServed.get(name) !== html) before.get(name).replaceWith(piece);
      asServed.set(name, html);
    }
  }

  async function renew() {
    const look = document.querySelector("input[name=look]:checked");
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("shown");
    if (!fresh) { location.reload(); return; }
    state = fresh.dataset.live;
    exchange(fresh);
    const again = look && document.getElementById(look.id);
    if (again) again.checked = true;
  }

  async function watch() {
    try {
      const answer = await fetch("/messages/-/state", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      if ((await answer.json()).state !== state) await renew();
      tell(false);
    } catch {
      tell(true);
    }
    setTimeout(watch, document.hidden ? 10 * PAUSE : PAUSE);
  }
  watch();
})();
