// Forms that change something. Each works without scripts; with them it calls the API and the page stays.
//
//   <form data-call="POST /v1/studies/digits:stop" data-done="Stopped.">
//
// Fields become the body: `budget.max_trials` is nested, data-type says number, list, json or lines; an empty one is left
// out. `revision` becomes If-Match, `query.force` a parameter. What is refused is told at its field.
import { refresh } from "./parts.js";
import { say, loggedOut } from "./notices.js";

export function start() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.call || event.submitter?.dataset.plain !== undefined) return;
    event.preventDefault();
    send(form, event.submitter);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open(link.href);
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });
}

/** The form of another page, in a dialog on this one. */
async function open(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === "/login") return loggedOut();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = page.querySelector("[data-form]");
  if (!form) {
    location.href = address;
    return;
  }
  const box = document.querySelector("[data-dialog-box]");
  box.replaceChildren(document.adoptNode(form));
  box.setAttribute("aria-label", form.querySelector("h1, h2")?.textContent ?? "Form");
  box.showModal();
  box.querySelector("[autofocus], input:not([type=hidden]), textarea, select, button")?.focus();
}

async function send(form, button) {
  clear(form);
  if (form.dataset.typed !== undefined && form.elements.name.value.trim() !== form.dataset.typed) {
    return tell(form, [{ field: "name", message: "must be the study's name, as it is, to delete it" }]);
  }
  const [method, path] = form.dataset.call.split(" ");
  let request;
  try {
    request = asked(form, button);
  } catch (wrong) {
    return tell(form, [{ field: wrong.field, message: wrong.message }]);
  }
  const address = request.query.size ? `${path}?${request.query}` : path;
  button?.setAttribute("disabled", "");
  try {
    const answer = await fetch(address, { method, headers: request.headers, body: request.body });
    if (answer.status === 401) return loggedOut();
    if (!answer.ok) return refused(form, answer);
    const told = answer.status === 204 ? {} : await answer.json();
    done(form, told);
  } catch {
    say("The server cannot be reached just now. Nothing has been lost here: send it again.", true);
  } finally {
    button?.removeAttribute("disabled");
  }
}

function done(form, told) {
  form.closest("dialog")?.close();
  if (form.dataset.done) say(form.dataset.done.replace(/\{(\w+)\}/g, (_, name) => told[name] ?? ""));
  if (form.dataset.then) location.href = form.dataset.then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(told[name] ?? ""));
  else refresh();
}

/** Headers, parameters and body of a form. */
function asked(form, button) {
  const headers = { accept: "application/json" };
  const query = new URLSearchParams();
  const body = JSON.parse(form.dataset.body ?? "{}");
  let any = form.dataset.body !== undefined;
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    if (field.tagName === "BUTTON" && field !== button) continue;
    if (field.name === "revision") headers["if-match"] = `"${field.value}"`;
    else if (field.name.startsWith("query.")) {
      if (field.type !== "checkbox" || field.checked) query.set(field.name.slice(6), field.value);
    } else if (field.dataset.type !== "none") {
      const value = read(field);
      if (value === undefined) continue;
      // Names of parameters may hold dots themselves.
      nest(body, field.name.startsWith("params.") ? ["params", field.name.slice(7)] : field.name.split("."), value);
      any = true;
    }
  }
  if (any) headers["content-type"] = "application/json";
  return { headers, query, body: any ? JSON.stringify(body) : undefined };
}

function read(field) {
  const text = field.value.trim();
  if (field.type === "checkbox") return field.checked;
  if (!text && field.dataset.empty === undefined) return undefined;
  switch (field.dataset.type) {
    case "number":
      if (Number.isNaN(Number(text))) throw Object.assign(new Error("must be a number"), { field: field.name });
      return Number(text);
    case "list":
      return text.split(/[\s,]+/).filter(Boolean);
    case "value":
      return value(text);
    default:
      return field.value;
  }
}

/** One plain value as people write it: 1e-5, true, adamw. */
function value(text) {
  try {
    const found = JSON.parse(text);
    if (found === null || typeof found !== "object") return found;
  } catch { /* it is text */ }
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}

function nest(body, path, found) {
  const last = path.pop();
  let place = body;
  for (const name of path) place = place[name] ??= {};
  place[last] = found;
}

async function refused(form, answer) {
  const problem = await answer.json().catch(() => ({ detail: `The server answered ${answer.status}.` }));
  if (answer.status === 412) {
    const text = "Somebody else has changed this study since you opened it. Look at it as it is now, then make your change again.";
    refresh();
    return tell(form, [{ field: "", message: text }]);
  }
  const errors = problem.errors?.length ? problem.errors : [{ field: "", message: problem.detail }];
  tell(form, errors, problem.hint);
}

/** Say what is wrong, at the fields where they are there, else above the form, or in passing for a lone button. */
function tell(form, errors, hint) {
  const rest = [];
  for (const { field, message } of errors) {
    const input = field && form.elements[field];
    if (!input || !input.setAttribute) rest.push(field ? `${field}: ${message}` : message);
    else {
      input.setAttribute("aria-invalid", "true");
      const wrong = note(message);
      input.setAttribute("aria-describedby", wrong.id);
      input.after(wrong);
    }
  }
  if (hint && rest.length) rest.push(hint);
  if (!rest.length) return form.querySelector("[aria-invalid]")?.focus();
  if (!form.closest("dialog") && !form.matches("[data-form]")) return say(rest.join(" "), true);
  const box = note(rest.join(" "));
  box.setAttribute("role", "alert");
  form.prepend(box);
}

let notes = 0;
function note(text) {
  const wrong = document.createElement("span");
  wrong.className = "wrong";
  wrong.id = `wrong-${(notes += 1)}`;
  wrong.textContent = text;
  return wrong;
}

function clear(form) {
  for (const old of form.querySelectorAll(".wrong")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}
