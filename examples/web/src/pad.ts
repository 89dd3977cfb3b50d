/** A pad to draw on, by finger, mouse, pen or arrow keys. */

interface Point {
  x: number;
  y: number;
}

export interface Pad {
  clear(): void;
  drawing(): ImageData;
}

const PEN = 24;
const STEP = 8;
const ARROWS: Record<string, Point> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

export function makePad(canvas: HTMLCanvasElement, changed: () => void): Pad {
  const { width, height } = canvas;
  const ink = new OffscreenCanvas(width, height).getContext("2d", {
    willReadFrequently: true,
  })!;
  Object.assign(ink, { lineWidth: PEN, lineCap: "round", strokeStyle: "#fff" });
  let pen: Point = { x: width / 2, y: PEN };
  let down = false;
  let byKeys = false;

  function moveTo(to: Point): void {
    if (down) stroke(pen, to);
    pen = to;
    paint();
  }

  function stroke(from: Point, to: Point): void {
    ink.beginPath();
    ink.moveTo(from.x, from.y);
    ink.lineTo(to.x, to.y);
    ink.stroke();
    changed();
  }

  function paint(): void {
    const screen = canvas.getContext("2d")!;
    screen.clearRect(0, 0, width, height);
    screen.drawImage(ink.canvas, 0, 0);
    if (byKeys) drawCursor(screen, pen, down);
  }

  function clear(): void {
    down = false;
    ink.clearRect(0, 0, width, height);
    paint();
  }

  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    byKeys = false;
    pen = pointOf(canvas, event);
    down = true;
    moveTo(pen);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (down && !byKeys) moveTo(pointOf(canvas, event));
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => (down = false));

  canvas.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step && event.key !== " " && event.key !== "Delete") return;
    event.preventDefault();
    byKeys = true;
    if (event.key === " ") down = !down;
    if (event.key === "Delete") {
      clear();
      changed();
    }
    const { x, y } = step ?? { x: 0, y: 0 };
    moveTo({
      x: within(pen.x + x, width),
      y: within(pen.y + y, height),
    });
  });
  canvas.addEventListener("blur", () => {
    down = false;
    byKeys = false;
    paint();
  });

  return { clear, drawing: () => ink.getImageData(0, 0, width, height) };
}

/** Keeps the pen within the pad. */
function within(value: number, size: number): number {
  return Math.min(Math.max(value, PEN / 2), size - PEN / 2);
}

/** Where on the canvas a pointer is, whatever size the canvas is shown at. */
function pointOf(canvas: HTMLCanvasElement, event: PointerEvent): Point {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * canvas.width,
    y: ((event.clientY - box.top) / box.height) * canvas.height,
  };
}

/** A ring where the pen is: full when it is down, dashed when it is up. */
function drawCursor(
  screen: CanvasRenderingContext2D,
  pen: Point,
  down: boolean,
): void {
  screen.beginPath();
  screen.setLineDash(down ? [] : [4, 4]);
  screen.lineWidth = 3;
  screen.strokeStyle = "#ffb454";
  screen.arc(pen.x, pen.y, PEN / 2, 0, 2 * Math.PI);
  screen.stroke();
}
