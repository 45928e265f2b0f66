// A report: one file with a study's facts, charts and trials. The charts are those of the dashboard, and are answered by the
// file itself.
import * as contour from "../charts/contour.js";
import * as curves from "../charts/curves.js";
import * as history from "../charts/history.js";
import * as importance from "../charts/importance.js";
import * as parallel from "../charts/parallel.js";
import * as pareto from "../charts/pareto.js";
import * as paretoSpace from "../charts/pareto-space.js";
import * as slices from "../charts/slices.js";
import * as answers from "./answers.js";
import { Trials } from "./trials.js";

const CHARTS = { contour, curves, history, importance, parallel, pareto, "pareto-space": paretoSpace, slices };

function offerTheme() {
  const button = document.querySelector("[data-theme-switch]"), root = document.documentElement;
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.dispatchEvent(new CustomEvent("basin:theme"));
  });
}

async function start() {
  offerTheme();
  try {
    const told = await answers.start();
    for (const element of document.querySelectorAll("[data-module]")) {
      CHARTS[/^charts\/(.+)\.js$/.exec(element.dataset.module)[1]].mount(element);
    }
    const trials = document.querySelector("[data-trials]");
    if (trials) new Trials(trials.closest("section"), told.columns);
  } catch (error) {
    console.error(error);
    const trouble = document.querySelector("[data-trouble]");
    trouble.hidden = false;
    trouble.append(` ${error.message}`);
  }
}

start();
