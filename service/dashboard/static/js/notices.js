// Short words at the edge of the page, and the banner when the login has ended.

const STAY_MS = 6000;

/** Say something in passing; what is bad stays until it is clicked away. */
export function say(text, bad = false) {
  const place = document.querySelector("[data-toasts]");
  if (!place) return;
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.setAttribute("role", bad ? "alert" : "status");
  toast.textContent = text;
  toast.addEventListener("click", () => toast.remove());
  place.append(toast);
  setTimeout(() => toast.remove(), bad ? STAY_MS * 3 : STAY_MS);
}

/** A line across the page that stays: one for each name. */
export function banner(name, text, link, address) {
  document.querySelector(`[data-banner="${name}"]`)?.remove();
  if (!text) return;
  const line = document.createElement("div");
  line.className = "banner";
  line.dataset.banner = name;
  line.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text;
  line.append(words);
  if (link) {
    const go = document.createElement("a");
    go.href = address;
    go.className = "button";
    go.textContent = link;
    line.append(go);
  }
  document.body.prepend(line);
}

export function loggedOut() {
  const here = encodeURIComponent(location.pathname + location.search);
  banner("login", "Your login has ended. What you see is as it was.", "Log in again", `/login?next=${here}`);
}

/** While the server is away, what is shown is said to be old. */
export function watchConnection() {
  let gone = false;
  document.addEventListener("basin:connection", ({ detail }) => {
    const away = detail.state === "gone" && detail.silent >= 3;
    document.querySelector("main")?.classList.toggle("stale", away);
    if (away) banner("gone", `No connection to the server for ${detail.silent} s. What you see is as it was; it goes on by itself.`);
    else if (gone) banner("gone", "");
    gone = away;
    if (detail.state === "out") loggedOut();
  });
}
