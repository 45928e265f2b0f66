// Links to what is worked out only when somebody asks: it is put under the piece that the link stands in.
import { say } from "./notices.js";

export function start() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-load]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    link.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link.href, { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.querySelector(`[data-fragment="${link.dataset.load}"]`);
      if (!found) throw new Error(page.querySelector("main p")?.textContent ?? `the server answered ${answer.status}`);
      document.querySelector(`main [data-fragment="${link.dataset.load}"]`)?.remove();
      found.classList.add("brought");
      (link.closest(".notice, .card") ?? link).after(document.adoptNode(found));
    } catch (error) {
      say(`This could not be read: ${error.message}`, true);
    } finally {
      link.removeAttribute("aria-busy");
    }
  });
}
