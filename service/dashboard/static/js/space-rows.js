// The rows of the search space: a parameter as people write it (`1e-5 … 0.1`, `sgd, adamw`), and as the API has it.

const TYPES = ["float", "int", "categorical", "ordinal", "constant", "derived"];

/** A row for a parameter. */
export function rowOf(name, parameter, sample) {
  const row = document.createElement("tr");
  const known = parameter && typeof parameter === "object" ? parameter : {};
  row.dataset.name = name;
  row.append(
    cell(input("name", name, "Parameter", 13, "mono")),
    cell(select(known.type)),
    cell(input("range", range(known), "Range or choices", 17, "mono")),
    cell(box(known.log === true)),
    cell(input("when", when(known.when), "Only where", 11, "mono")),
    Object.assign(cell(document.createTextNode(sample)), { className: "mono small" }),
    cell(remove(name)),
  );
  row.children[5].dataset.sample = "";
  return row;
}

/** What a row says; options that have no place in it stay as they were. */
export function readRow(row, before = {}) {
  const value = (key) => row.querySelector(`[data-${key}]`).value.trim();
  const name = value("name");
  const type = value("type");
  const old = before?.[row.dataset.name]?.type === type ? { ...before[row.dataset.name] } : {};
  row.dataset.name = name;
  const parameter = { ...old, type, ...ranged(type, value("range")) };
  if (row.querySelector("[data-log]").checked && ["float", "int"].includes(type)) parameter.log = true;
  else delete parameter.log;
  const condition = conditions(value("when"));
  if (condition) parameter.when = condition;
  else delete parameter.when;
  return { name, parameter };
}

function ranged(type, text) {
  if (type === "categorical") return { choices: list(text) };
  if (type === "ordinal") return { values: list(text) };
  if (type === "constant") return { value: plain(text) };
  if (type === "derived") return { expression: text };
  const [bounds, step] = text.split(/\s+(?:step|by)\s+/i);
  const [low, high] = bounds.split(/\s*(?:…|\.\.\.?|\bto\b|,)\s*/).map(plain);
  return { low: low ?? null, high: high ?? null, ...(step ? { step: plain(step) } : {}) };
}

function range(parameter) {
  switch (parameter.type) {
    case "categorical": return (parameter.choices ?? []).map(shown).join(", ");
    case "ordinal": return (parameter.values ?? []).map(shown).join(", ");
    case "constant": return shown(parameter.value);
    case "derived": return parameter.expression ?? "";
    default: return `${shown(parameter.low)} … ${shown(parameter.high)}${parameter.step ? ` step ${parameter.step}` : ""}`;
  }
}

function when(condition) {
  if (!condition) return "";
  return Object.entries(condition).map(([name, test]) =>
    test !== null && typeof test === "object" && !Array.isArray(test)
      ? `${name}=${JSON.stringify(test)}`
      : `${name}=${Array.isArray(test) ? test.map(shown).join("|") : shown(test)}`).join(" & ");
}

function conditions(text) {
  if (!text) return null;
  const found = {};
  for (const part of text.split(/\s*&\s*/)) {
    const at = part.indexOf("=");
    const test = part.slice(at + 1).trim();
    if (at < 0) found[part] = null;
    else if (test.startsWith("{")) found[part.slice(0, at).trim()] = parsed(test);
    else found[part.slice(0, at).trim()] = test.includes("|") ? test.split("|").map(plain) : plain(test);
  }
  return found;
}

function list(text) {
  return text.split(/\s*,\s*/).filter((part) => part !== "").map(plain);
}

/** A plain value: a number, true, false, null, or text; quotes make text of anything. */
function plain(text) {
  const part = text.trim();
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(part)) return Number(part);
  return /^(true|false|null|".*")$/.test(part) ? parsed(part) : part;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function shown(value) {
  if (value === undefined || value === null) return value === null ? "null" : "";
  const text = String(value);
  return typeof value === "string" && typeof plain(text) !== "string" ? JSON.stringify(text) : text;
}

function cell(content) {
  const made = document.createElement("td");
  made.append(content);
  return made;
}

function input(key, value, label, size, style) {
  const made = document.createElement("input");
  made.value = value;
  made.size = size;
  made.className = style;
  made.dataset[key] = "";
  made.autocomplete = "off";
  made.setAttribute("aria-label", label);
  return made;
}

function select(chosen) {
  const made = document.createElement("select");
  made.dataset.type = "";
  made.setAttribute("aria-label", "Type");
  for (const type of TYPES) made.add(new Option(type, type, false, type === chosen));
  return made;
}

function box(checked) {
  const made = document.createElement("input");
  made.type = "checkbox";
  made.checked = checked;
  made.dataset.log = "";
  made.setAttribute("aria-label", "By its logarithm");
  return made;
}

function remove(name) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.dataset.remove = "";
  made.textContent = "✕";
  made.setAttribute("aria-label", `Remove ${name}`);
  return made;
}
