// Before anything is painted: the theme that was chosen here. A plain script, for modules come too late.
(() => {
  const chosen = localStorage.getItem("basin.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
