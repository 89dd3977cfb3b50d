/** The page's own small tools: finding and making elements, and telling the person how it goes. */
import { messageOf } from "./errors";

export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** An element with properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Calls `changed` whenever the person changes one of the controls. */
export function onChange(controls: HTMLElement[], changed: () => void): void {
  for (const control of controls) control.addEventListener("change", changed);
}

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

export function showError(error: unknown): void {
  const box = byId("error");
  box.textContent = messageOf(error);
  box.hidden = false;
  showStatus("");
}

export function clearError(): void {
  byId("error").hidden = true;
}
