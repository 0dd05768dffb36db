"""Browser side of the volume viewer: style and script, as text."""

__all__ = ["VIEWER_SCRIPT", "VIEWER_STYLE"]

VIEWER_STYLE = """
.viewers { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
.viewers figure { margin: 0; }
.viewers canvas { width: 100%; height: 30rem; background: #000; outline: none; }
.viewers .canvas { position: relative; height: 30rem; }
.viewers figcaption { display: flex; justify-content: space-between; font-weight: 600; }
.viewers output { font-variant-numeric: tabular-nums; font-weight: 400; }
.sliders { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1rem; max-width: 40rem;
           margin-top: 1rem; }
.sliders input { width: 100%; }
"""

VIEWER_SCRIPT = """
const canvases = [...document.querySelectorAll(".viewers canvas[data-volume]")];
const surfaces = [...document.querySelectorAll(".viewers canvas[data-surface]")];
const sliders = [...document.querySelectorAll(".sliders input")];
const note = document.querySelector(".viewers-note");

function decode(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}

async function attach(canvas) {
  const viewer = new Niivue({
    isRadiologicalConvention: true,
    sagittalNoseLeft: true,
    multiplanarShowRender: 1,
    multiplanarLayout: 2,
    crosshairWidth: 0.5,
    dragAndDropEnabled: false,
    logLevel: "error",
    crosshairColor: [1, 0.82, 0.25, 0.9],
    fontColor: [1, 0.82, 0.25, 1],
    backColor: [0, 0, 0, 1],
  });
  await viewer.attachToCanvas(canvas);
  viewer.setRenderAzimuthElevation(160, 10);
  return viewer;
}

async function openVolume(canvas) {
  const viewer = await attach(canvas);
  await viewer.loadFromArrayBuffer(decode(canvas.dataset.volume), "volume.nii.gz");
  const [low, high] = canvas.dataset.window.split(" ").map(Number);
  Object.assign(viewer.volumes[0], { cal_min: low, cal_max: high });
  viewer.updateGLVolume();
  viewer.setSliceType(viewer.sliceTypeMultiplanar);
  return viewer;
}

async function openSurface(canvas) {
  const viewer = await attach(canvas);
  await viewer.loadFromArrayBuffer(decode(canvas.dataset.surface), "surface.mz3");
  viewer.setMeshProperty(viewer.meshes[0].id, "rgba255", [232, 220, 196, 255]);
  viewer.setSliceType(viewer.sliceTypeRender);
  return viewer;
}

function report(viewers, fraction) {
  viewers.forEach((viewer, number) => {
    const voxel = viewer.frac2vox(fraction);
    const value = viewer.volumes[0].getValue(...voxel);
    canvases[number].closest("figure").querySelector("output").value = `${value} HU`;
  });
  sliders.forEach((slider, axis) => { slider.value = fraction[axis]; });
}

function move(viewers, fraction) {
  for (const viewer of viewers) {
    viewer.scene.crosshairPos = [...fraction];
    viewer.drawScene();
  }
  report(viewers, fraction);
}

async function start() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    throw new Error("this browser offers no WebGL 2, which the viewer needs");
  }
  const viewers = [];
  for (const canvas of canvases) viewers.push(await openVolume(canvas));
  const all = [...viewers];
  for (const canvas of surfaces) all.push(await openSurface(canvas));
  all.forEach((viewer) => viewer.broadcastTo(all.filter((other) => other !== viewer)));
  viewers.forEach((viewer) => {
    viewer.onLocationChange = (place) => report(viewers, [...place.frac].slice(0, 3));
  });
  const chosen = () => sliders.map((slider) => Number(slider.value));
  sliders.forEach((slider) => slider.addEventListener("input", () => move(viewers, chosen())));
  move(viewers, chosen());
}

start().then(
  () => { document.body.dataset.viewers = "ready"; },
  (error) => { note.textContent = `No viewer: ${error.message}.`; },
);
"""
