// Light or dark, before anything is painted: as chosen here before, else as the system has it.
"use strict";
document.documentElement.dataset.theme =
  localStorage.getItem("llmux-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
