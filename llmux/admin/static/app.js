// The page: signs in, listens to /admin/live, and has each part show what has changed.
import * as backends from "/ui/backends.js";
import * as charts from "/ui/charts.js";
import { byId, say } from "/ui/dom.js";
import * as requests from "/ui/requests.js";
import { events, merge } from "/ui/stream.js";
import * as trial from "/ui/trial.js";

const KEY = "llmux-admin-key"; // in the tab's own storage: gone when it is closed
const AGAIN_MS = [500, 1000, 2000, 5000];
const UNAUTHENTICATED = 401;

// Section of the state -> who shows it.
const PARTS = {
  backends: backends.backends, clients: backends.clients, news: backends.news, requests: requests.render,
  minutes: charts.render, quarters: charts.render,
};

let state = {};
let listening = null; // aborts the stream

const call = (path, options = {}) => fetch(path, { ...options, headers: { ...options.headers, "X-Admin-Key": sessionStorage.getItem(KEY) ?? "" }, cache: "no-store" });
const announce = (text) => say(byId("said"), text);

function show(signedIn) {
  byId("door").hidden = signedIn;
  for (const id of ["house", "range", "leave"]) byId(id).hidden = !signedIn;
}

function leave(why = "") {
  listening?.abort();
  sessionStorage.removeItem(KEY);
  state = {};
  show(false);
  say(byId("state"), "");
  say(byId("denied"), why);
  byId("key").value = "";
  byId("key").focus();
}

async function listen() {
  listening?.abort();
  const mine = (listening = new AbortController());
  for (let failed = 0; !mine.signal.aborted; failed += 1) {
    try {
      const response = await call("/admin/live", { signal: mine.signal });
      if (response.status === UNAUTHENTICATED) return leave("This is not the admin key.");
      if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
      for await (const [name, data] of events(response.body)) {
        failed = 0;
        take(name, JSON.parse(data));
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error instanceof TypeError && /header|ByteString|Latin/i.test(error.message)) return leave("A key holds plain characters only.");
    }
    say(byId("state"), "Not connected, trying again");
    byId("state").className = "state bad";
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(failed, AGAIN_MS.length - 1)]));
  }
}

function take(name, told) {
  const first = name === "snapshot";
  const before = state.backends;
  if (first) {
    state = told;
    if (byId("house").hidden) {
      show(true);
      announce("Signed in.");
      byId("main").focus();
      trial.models();
    }
  } else {
    tell(before, told.backends);
    state = merge(state, told);
  }
  say(byId("state"), `Live, ${state.workers === 1 ? "1 worker" : `${state.workers} workers`}`);
  byId("state").className = "state live";
  // The charts' clock goes on, also where nothing happens.
  const parts = new Set((first ? Object.keys(PARTS) : Object.keys(told)).map((section) => PARTS[section]).filter(Boolean));
  for (const render of parts.add(charts.render)) render(state);
}

/** Say aloud when a backend begins or ends its rest; nothing else that happens by itself is. */
function tell(before, changed) {
  for (const [name, change] of Object.entries(changed ?? {})) {
    if (change?.state && before?.[name]) announce(change.state === "resting" ? `${name} rests: ${change.cause ?? before[name].cause}` : `${name} is ${change.state}`);
  }
}

function theme() {
  const root = document.documentElement;
  const name = () => say(byId("theme"), root.dataset.theme === "dark" ? "Light theme" : "Dark theme");
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("llmux-theme", root.dataset.theme);
    name();
    charts.repaint();
    if (state.now) charts.render(state);
  });
  name();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId("key").value);
  say(byId("denied"), "");
  listen();
});
byId("leave").addEventListener("click", () => leave());
byId("range").addEventListener("change", (event) => {
  charts.choose(event.target.value);
  charts.render(state);
});
document.addEventListener("visibilitychange", () => {
  if (!sessionStorage.getItem(KEY)) return;
  if (document.hidden) listening?.abort(); // nobody looks: nothing is sent
  else listen();
});

charts.build();
requests.build();
trial.build(call, announce);
theme();
if (sessionStorage.getItem(KEY)) listen();
else leave();
