// What a report holds in place of the server: packed answers of /v1, unpacked when a chart asks for them.
import { hold } from "../held.js";

/** The bytes of a block of the page: base64 of gzip. */
async function unpacked(block) {
  const bytes = Uint8Array.from(atob(block.textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const AXES = { step: "steps", time: "hours of training", gpu: "hours on GPUs" };

/** Take the page's blocks as answers; answers what they say of the study. */
export async function start() {
  const told = JSON.parse(new TextDecoder().decode(await unpacked(document.querySelector("[data-answers]"))));
  hold(async (url) => {
    const path = url.pathname.split("/").slice(4).join("/"), wanted = url.searchParams;
    if (path === "curves/all") return all(wanted);
    if (path === "curves") return told.curves[`${wanted.get("axis")}.${wanted.get("scale")}`];
    if (path === "columns") return narrowed(told.columns, wanted.get("params"));
    // Without more of a path it is the study itself.
    return told[path || "study"];
  });
  return told;
}

/** All curves along an axis; not every axis fits into a file of a large study. */
function all(wanted) {
  const block = document.querySelector(`[data-curves="${CSS.escape(`${wanted.get("axis")}.${wanted.get("scale")}`)}"]`);
  if (block) return unpacked(block);
  throw new Error(`All curves along ${AXES[wanted.get("axis")]} are not in this file, which would be too large with them: the dashboard shows them.`);
}

/** The columns with the parameters that are wanted: all of them if none are named. */
function narrowed(columns, names) {
  if (names === null) return columns;
  const wanted = names.split(",");
  return { ...columns, params: wanted.map((name) => columns.params.find((one) => one.name === name)).filter(Boolean) };
}
