// The page of a new study: the form and the YAML follow one another. The server reads both by the same rules as the API,
// and answers the study in all of its forms, with what is wrong at each field and line.
import { loggedOut, say } from "./notices.js";
import { readRow, rowOf } from "./space-rows.js";

const SOON_MS = 250;
const PARTS = /[^.[\]]+/g;

export function mount(form) {
  const draft = new Draft(form);
  const told = JSON.parse(form.dataset.draft);
  draft.show(told);
  // Written before this script was there, or kept by the browser.
  if (draft.yaml.value.trim() !== told.yaml.trim()) draft.ask({ yaml: draft.yaml.value });
}

class Draft {
  constructor(form) {
    this.form = form;
    this.yaml = form.querySelector("[data-yaml]");
    this.rows = form.querySelector("[data-space] tbody");
    this.code = "yaml";
    this.asked = 0;
    for (const part of form.querySelectorAll("[data-only-script]")) part.hidden = false;
    form.addEventListener("input", (event) => this.changed(event));
    form.addEventListener("click", (event) => this.clicked(event));
  }

  changed(event) {
    if (event.target === this.yaml) return this.ask({ yaml: this.yaml.value });
    if (event.target.closest("[data-space]")) this.readSpace();
    else if (event.target.dataset.path) this.readField(event.target);
    else return undefined;
    return this.ask({ data: JSON.stringify(this.data) });
  }

  clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.code) this.choose(button.dataset.code);
    else if ("remove" in button.dataset) {
      button.closest("tr").remove();
      this.changedByHand(() => this.readSpace());
    } else if ("add" in button.dataset) {
      this.rows.append(rowOf(this.freeName(), { type: "float", low: 0, high: 1 }, ""));
      this.changedByHand(() => this.readSpace());
      this.rows.lastElementChild.querySelector("input").select();
    } else if ("addObjective" in button.dataset) {
      this.changedByHand(() => (this.data.objectives = [...(this.data.objectives ?? []), { metric: `metric_${(this.data.objectives ?? []).length + 1}` }]));
      say("It stands in the YAML: name its metric and direction there.");
    }
  }

  changedByHand(change) {
    this.data ??= {};
    change();
    this.ask({ data: JSON.stringify(this.data) });
  }

  freeName() {
    let n = 1;
    while (this.data?.space?.[`parameter_${n}`]) n += 1;
    return `parameter_${n}`;
  }

  readSpace() {
    const space = {};
    for (const row of this.rows.children) {
      const { name, parameter } = readRow(row, this.data?.space);
      if (name) space[name] = parameter;
    }
    this.data = { ...this.data, space };
  }

  readField(field) {
    this.data ??= {};
    const path = field.dataset.path.match(PARTS);
    const last = path.pop();
    let place = this.data;
    for (const part of path) place = place[part] ??= /^\d+$/.test(path[path.indexOf(part) + 1] ?? "") ? [] : {};
    const text = field.value.trim();
    const chosen = field.dataset.type === "number" && text && !Number.isNaN(Number(text)) ? Number(text) : field.value;
    // Options belong to the type that they were written for.
    if (last === "type") for (const option of Object.keys(place)) delete place[option];
    if (text === "" || text === field.dataset.default) delete place[last];
    else place[last] = chosen;
    if (path.length && !Object.keys(place).length && !Array.isArray(this.data[path[0]])) delete this.data[path[0]];
  }

  ask(fields) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(fields), SOON_MS);
  }

  async send(fields) {
    const asked = (this.asked += 1);
    try {
      const answer = await fetch("/new/draft", { method: "POST", body: new URLSearchParams(fields) });
      if (answer.redirected || answer.status === 401) return loggedOut();
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const told = await answer.json();
      if (asked === this.asked) this.show(told, "yaml" in fields ? "yaml" : "form");
    } catch (error) {
      say(`It could not be checked: ${error.message}`, true);
    }
  }

  show(told, by = "both") {
    if (told.data) this.data = told.data;
    this.told = told;
    if (by === "form") this.yaml.value = told.yaml;
    if (by !== "form" && told.data) this.fill();
    this.choose(this.code);
    for (const cell of this.rows.querySelectorAll("[data-sample]")) {
      cell.textContent = told.samples[cell.closest("tr").dataset.name] ?? "";
    }
    for (const options of this.form.querySelectorAll("[data-for]")) {
      options.hidden = !options.dataset.for.split(" ").includes(typed(this.data?.scheduler));
    }
    this.tell(told.errors);
  }

  fill() {
    for (const field of this.form.querySelectorAll("[data-path]")) {
      if (field === document.activeElement) continue;
      let found = this.data;
      for (const part of field.dataset.path.match(PARTS)) found = typeof found === "string" && part === "type" ? found : found?.[part];
      field.value = found ?? field.dataset.default ?? "";
    }
    if (this.rows.contains(document.activeElement)) return;
    const space = this.data.space && typeof this.data.space === "object" ? Object.entries(this.data.space) : [];
    this.rows.replaceChildren(...space.map(([name, parameter]) => rowOf(name, parameter, this.told.samples[name] ?? "")));
  }

  choose(code) {
    this.code = code;
    for (const button of this.form.querySelectorAll("[data-code]")) button.setAttribute("aria-pressed", String(button.dataset.code === code));
    const shown = this.form.querySelector("[data-shown]");
    this.yaml.hidden = code !== "yaml";
    shown.hidden = code === "yaml";
    shown.textContent = this.told?.[code] ?? "";
  }

  /** What is wrong, under the YAML with its line, and at its field. */
  tell(errors) {
    for (const old of this.form.querySelectorAll(".wrong.at")) old.remove();
    for (const field of this.form.querySelectorAll("[data-path][aria-invalid], tr [aria-invalid]")) field.removeAttribute("aria-invalid");
    const place = this.form.querySelector("[data-wrongs]");
    place.replaceChildren(...errors.map((wrong) => this.line(wrong)));
    if (errors.length) this.yaml.setAttribute("aria-invalid", "true");
    else this.yaml.removeAttribute("aria-invalid");
    for (const { field, message } of errors) {
      const [, name] = /^space\.([^.[]+)/.exec(field) ?? [];
      const row = name && [...this.rows.children].find((one) => one.dataset.name === name);
      const input = row ? row.querySelector("[data-range]") : this.form.querySelector(`[data-path="${CSS.escape(field)}"]`);
      if (!input) continue;
      input.setAttribute("aria-invalid", "true");
      const note = document.createElement("span");
      note.className = "wrong at";
      note.textContent = message;
      input.after(note);
    }
  }

  line({ field, message, line }) {
    const text = document.createElement("p");
    text.className = "wrong";
    const go = document.createElement("button");
    go.type = "button";
    go.className = "plain wrong";
    go.textContent = line ? `Line ${line}` : "YAML";
    go.addEventListener("click", () => this.goTo(line ?? 1));
    text.append(go, ` ${field ? `${field}: ` : ""}${message}`);
    return text;
  }

  goTo(line) {
    this.choose("yaml");
    const lines = this.yaml.value.split("\n");
    const begin = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.yaml.focus();
    this.yaml.setSelectionRange(begin, begin + (lines[line - 1] ?? "").length);
  }
}

function typed(chosen) {
  return typeof chosen === "string" ? chosen : (chosen?.type ?? "auto");
}
