// Says why the page can't begin where its modules don't load: none of them could say that. No module
// itself, so that it runs on a page opened as a file, too.

(() => {
  const BY_FILE = "This page can't begin as a file: browsers load its parts from a web host alone. README.txt beside it says how to look at it here.";

  function say(text) {
    if (document.documentElement.dataset.ready) return;
    document.getElementById("sure").textContent = "";
    document.getElementById("stays")?.remove();
    const trouble = document.getElementById("trouble");
    trouble.textContent = text;
    trouble.hidden = false;
  }

  function failed({ target, message }) {
    if (location.protocol === "file:") return say(BY_FILE);
    const name = target.src?.split("/").pop();
    if (target.tagName === "SCRIPT") say(`The page can't begin: ${name} or a module that it names couldn't be loaded. Are all files of its folder on the web host?`);
    else if (target === window) say(`The page can't begin: ${message}`);
  }

  // Caught on its way down: what couldn't be loaded tells its own element alone.
  window.addEventListener("error", (event) => {
    if (document.readyState !== "loading") failed(event);
    else document.addEventListener("DOMContentLoaded", () => failed(event));
  }, true);
})();
