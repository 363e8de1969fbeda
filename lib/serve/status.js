"use strict";
// The page is drawn anew by the server: what is shown is the same with and without a script.
const every = 2000;
async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, {headers: {accept: "text/html"}, cache: "no-store"});
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      document.title = page.title;
    } catch (error) {
      const state = document.querySelector(".state");
      state.textContent = "not reachable";
      state.className = "state bad";
    }
  }
  setTimeout(refresh, every);
}
setTimeout(refresh, every);
