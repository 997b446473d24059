// Says that the page loads before any of its modules could, and why it can't begin where they don't
// load. No module itself, so that it runs on a page opened as a file, too.

(() => {
  const BY_FILE = "This page can't begin as a file: browsers load its parts from a web host alone. README.txt beside it says how to look at it here.";

  function say(text) {
    if (document.documentElement.dataset.ready) return;
    document.getElementById("sure").textContent = "";
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

  // Before modules run: those say how much has come. By script, as without any nothing is loaded.
  document.addEventListener("readystatechange", () => {
    const megabytes = (document.documentElement.dataset.bytes / 1e6).toFixed(0);
    const sure = document.getElementById("sure");
    if (document.readyState === "interactive") sure.textContent = `Loading ${megabytes} MB; what is drawn meanwhile is read then.`;
  });

  // Caught on its way down: what couldn't be loaded tells its own element alone.
  window.addEventListener("error", (event) => {
    if (document.readyState !== "loading") failed(event);
    else document.addEventListener("DOMContentLoaded", () => failed(event));
  }, true);
})();
