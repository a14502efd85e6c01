// The form that uploads files shows how far it is; without this script, the browser sends it and shows little.

import { find } from "./page";

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const { upload: limit } = form.dataset;
  const fault = find<HTMLElement>("[data-failed]", form);
  const bar = find<HTMLProgressElement>("progress", form);
  const button = find<HTMLButtonElement>("button", form);
  const chosen = find<HTMLInputElement>("[type=file]", form)?.files;
  if (!limit || !fault || !bar || !button || !chosen) return;
  event.preventDefault();
  const tell = (text?: string | null) => {
    fault.textContent = text ?? "";
    button.disabled = !text;
    (bar.parentElement as HTMLElement).hidden = !!text;
    onbeforeunload = text ? null : (leaving) => leaving.preventDefault();
  };
  if ([...chosen].reduce((sum, { size }) => sum + size, 0) > Number(limit)) return tell(fault.dataset.tooLarge);
  tell();
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = loaded / total;
    (bar.nextElementSibling as HTMLElement).textContent = `${Math.floor((100 * loaded) / total)}%`;
  };
  request.onerror = () => tell(fault.dataset.failed);
  request.onload = () => {
    if (request.status < 300) {
      onbeforeunload = null;
      return location.assign(request.responseURL);
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    tell(find("[role=alert]", page)?.textContent?.trim() || fault.dataset.failed);
  };
  request.send(new FormData(form));
});
