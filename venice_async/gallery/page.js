"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const grid = find("cards"), player = find("player"), screen = find("screen"), about = find("about");
  const alphabet = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const cards = Array.from(grid.children, (card, place) => {
    const text = (part) => card.querySelector(part)?.textContent ?? "";
    const number = (name) => (card.dataset[name] === "" ? null : Number(card.dataset[name]));
    const key = text("h2");
    return {
      card, place, key, model: card.dataset.model, state: card.dataset.state,
      time: number("time"), cost: number("cost"), took: number("took"), length: number("length"),
      words: `${key}\n${text(".prompt")}`.toLocaleLowerCase(),
    };
  });

  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }

  // Sort and filter. What has no value comes last, whichever way the others go.
  let state = "";
  const shown = () => cards.filter(({ card }) => !card.hidden);

  const compare = (by, way) => (a, b) => {
    const [first, second] = [a[by], b[by]];
    if (first === null || second === null) return (first === null) - (second === null) || a.place - b.place;
    const found = typeof first === "string" ? alphabet.compare(first, second) : first - second;
    return way * found || a.place - b.place;
  };

  const sort = () => {
    const way = find("order").dataset.order === "ascending" ? 1 : -1;
    cards.sort(compare(find("sort").value, way));
    grid.append(...cards.map(({ card }) => card));
  };

  const filter = () => {
    const wanted = find("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const model = find("model")?.value ?? "";
    let number = 0;
    for (const one of cards) {
      const fits = (!state || one.state === state) && (!model || one.model === model)
        && wanted.every((word) => one.words.includes(word));
      one.card.hidden = !fits;
      number += fits;
    }
    find("none").hidden = number > 0;
    const written = (value) => value.toLocaleString("en");
    const all = `${written(cards.length)} jobs`;
    find("count").textContent = number === cards.length ? all : `${written(number)} of ${all}`;
  };

  const controls = find("controls");
  if (controls) {
    controls.hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    find("search").addEventListener("input", filter);
    find("model")?.addEventListener("change", filter);
    find("sort").addEventListener("change", sort);
    find("order").addEventListener("click", ({ currentTarget: button }) => {
      const next = button.dataset.order === "ascending" ? "descending" : "ascending";
      button.dataset.order = next;
      button.textContent = next === "ascending" ? "Ascending" : "Descending";
      sort();
    });
    const chips = controls.querySelectorAll(".chip");
    controls.querySelector(".chips").addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (!chip) return;
      state = chip.getAttribute("aria-pressed") === "true" ? "" : chip.dataset.state;
      for (const each of chips) each.setAttribute("aria-pressed", String(each.dataset.state === state));
      filter();
    });
    sort(); // a browser keeps what was chosen when a page is loaded again
    filter();
  }

  // A card plays without sound while the pointer or the keyboard's focus is on it; one at a time.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = null, soon = 0;

  const release = (video) => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    video.remove();
  };
  const stop = () => {
    clearTimeout(soon);
    if (!playing) return;
    playing.stage.classList.remove("playing");
    release(playing.video);
    playing = null;
  };
  const preview = (stage) => {
    if (playing?.stage === stage) return;
    stop();
    if (calm.matches || player.open) return;
    soon = setTimeout(() => {
      const video = document.createElement("video");
      Object.assign(video, { muted: true, loop: true, playsInline: true, src: stage.href });
      video.addEventListener("playing", () => stage.classList.add("playing"));
      stage.append(video);
      playing = { stage, video };
      video.play().catch(() => {});
    }, 120);
  };
  const stageOf = (node) => node instanceof Element ? node.closest("a.stage") : null;

  grid.addEventListener("pointerover", (event) => {
    const stage = stageOf(event.target);
    if (event.pointerType !== "touch" && stage && stage !== stageOf(event.relatedTarget)) preview(stage);
  });
  grid.addEventListener("pointerout", (event) => {
    const stage = stageOf(event.target);
    if (stage && stage !== stageOf(event.relatedTarget)) stop();
  });
  grid.addEventListener("focusin", (event) => {
    const stage = stageOf(event.target);
    if (stage?.matches(":focus-visible")) preview(stage);
  });
  grid.addEventListener("focusout", stop);

  // Without a poster the browser shows a first frame itself, for the cards that are near what is seen.
  const near = new IntersectionObserver((entries) => {
    for (const { target: stage, isIntersecting } of entries) {
      const still = stage.querySelector(".still");
      if (isIntersecting && !still) {
        const video = document.createElement("video");
        Object.assign(video, { muted: true, playsInline: true, preload: "metadata", className: "still", tabIndex: -1 });
        video.src = `${stage.href}#t=0.1`;
        stage.prepend(video);
      } else if (!isIntersecting && still) {
        release(still);
      }
    }
  }, { rootMargin: "300px" });
  for (const stage of grid.querySelectorAll("a.stage")) {
    const picture = stage.querySelector("img");
    if (!picture) near.observe(stage);
    else picture.addEventListener("error", () => { picture.remove(); near.observe(stage); }, { once: true });
  }

  // One job large: its video with the browser's own controls, and all that is known of it.
  let current = null;
  const clear = () => {
    for (const video of screen.querySelectorAll("video")) release(video);
    screen.replaceChildren();
  };
  const film = (stage) => {
    const video = document.createElement("video");
    Object.assign(video, { controls: true, loop: true, playsInline: true, src: stage.href });
    const picture = stage.querySelector("img");
    if (picture) video.poster = picture.src;
    video.addEventListener("error", () => {
      if (!video.hasAttribute("src")) return;
      const problem = document.createElement("p");
      problem.className = "problem";
      problem.textContent = "This browser cannot play the file.";
      screen.replaceChildren(problem);
    });
    return video;
  };
  const show = (card) => {
    stop();
    clear();
    current = card;
    const list = shown().map((one) => one.card), place = list.indexOf(card);
    find("place").textContent = `${place + 1} of ${list.length}`;
    find("previous").disabled = place <= 0;
    find("next").disabled = place >= list.length - 1;
    player.dataset.state = card.dataset.state;
    about.replaceChildren(card.querySelector(".body").cloneNode(true));
    const stage = card.querySelector(".stage");
    screen.append(stage.href ? film(stage) : stage.cloneNode(true));
    if (!player.open) {
      player.showModal();
      player.focus();
    }
    player.scrollTop = 0;
    screen.querySelector("video")?.play().catch(() => {});
  };
  const step = (by) => {
    const list = shown().map((one) => one.card), next = list[list.indexOf(current) + by];
    if (next) show(next);
  };

  grid.addEventListener("click", (event) => {
    const stage = stageOf(event.target), details = event.target.closest(".details");
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !(stage || details)) return;
    event.preventDefault();
    show(event.target.closest(".card"));
  });
  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  find("close").addEventListener("click", () => player.close());
  player.addEventListener("click", (event) => { if (event.target === player) player.close(); });
  player.addEventListener("close", () => {
    clear();
    current?.querySelector("a.stage, .details")?.focus();
  });
  player.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLVideoElement) return; // there the arrows wind
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  for (const button of grid.querySelectorAll(".details")) button.hidden = false;
})();
