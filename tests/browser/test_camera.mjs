/* The mathematics of the camera, without a browser. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './harness.mjs';

const camera = await import(join(root, 'api/dashboard/views/camera.js'));
const planes = await import(join(root, 'api/dashboard/views/planes.js'));

const near = (a, b, slack = 1e-9) => a.forEach((v, i) => assert.ok(Math.abs(v - b[i]) <= slack, `${a} is not ${b}`));
const start = { eye: [4, 0, 0], target: [0, 0, 0], up: [0, 0, 1], fov: 40 };

test('a quarter around, and back', () => {
  const east = camera.orbit(start, 90, 0);
  near(east.eye, [0, 4, 0]);
  near(camera.orbit(east, -90, 0).eye, start.eye);
  near(camera.orbit(start, 0, 30).eye, [4 * Math.cos(Math.PI / 6), 0, 2]);
});

test('over the pole nobody goes', () => {
  const high = camera.orbit(start, 0, 500);
  assert.ok(high.eye[2] > 3.99 && high.eye[0] > 0);
  near(camera.orbit(high, 0, -89).eye, start.eye, 1e-6);
  assert.equal(camera.distance(high).toFixed(9), '4.000000000');
});

test('nearer and farther, within bounds', () => {
  near(camera.dolly(start, 0.5).eye, [2, 0, 0]);
  near(camera.dolly(start, 0.001, [1, 10]).eye, [1, 0, 0]);
  near(camera.dolly(start, 1000, [1, 10]).eye, [10, 0, 0]);
});

test('what is dragged to the right moves to the right by as much as the hand', () => {
  const moved = camera.pan(start, 0.25, 0.5);
  const { right, above } = camera.frameOf(moved);
  const half = 4 * Math.tan((20 * Math.PI) / 180);
  near([camera.dot(moved.target.map((v) => -v), right), camera.dot(moved.target.map((v) => -v), above)], [0.5 * half, -half]);
  near(moved.eye.map((v, i) => v - moved.target[i]), [4, 0, 0]);
});

test('another axis upwards never leaves the camera looking along it', () => {
  const turned = camera.withUp(start, 'x');
  assert.equal(camera.nameOfUp(turned), 'x');
  const { right, above } = camera.frameOf(turned);
  assert.ok([...right, ...above].every(Number.isFinite));
  assert.equal(camera.distance(turned).toFixed(6), '4.000000');
});

test('an address says the camera, a wrong one nothing', () => {
  const moved = camera.pan(camera.orbit(start, 12.3, 45.6), 0.1, 0.2);
  const read = camera.fromQuery(new URLSearchParams(camera.toQuery(moved)));
  near(read.eye, moved.eye, 1e-4);
  near(read.target, moved.target, 1e-4);
  assert.equal(read.fov, 40);
  for (const query of ['', 'eye=1,2&target=0,0,0&up=0,0,1&fov=40', 'eye=1,2,3&target=1,2,3&up=0,0,1&fov=40',
    'eye=1,2,3&target=0,0,0&up=0,0,0&fov=40', 'eye=1,2,3&target=0,0,0&up=0,0,1&fov=200', 'eye=1,2,x&target=0,0,0&up=0,0,1&fov=40',
    'eye=1,2,1e99&target=0,0,0&up=0,0,1&fov=40', 'eye=1,2,&target=0,0,0&up=0,0,1&fov=40']) {
    assert.equal(camera.fromQuery(new URLSearchParams(query)), null, query);
  }
  const along = camera.fromQuery(new URLSearchParams('eye=0,0,4&target=0,0,0&up=0,0,1&fov=40'));
  assert.ok(Math.abs(along.eye[2]) < 4 && camera.frameOf(along).right.every(Number.isFinite));
});

test('a pose is looked from, and most cameras tell what is up', () => {
  const c2w = [[1, 0, 0, 1], [0, 0, -1, -5], [0, 1, 0, 0.5]]; /* looks along +y, +z up */
  const pose = camera.fromPose(c2w, 50, [1, 0, 0.5], [0, 0, 1]);
  near(pose.eye, [1, -5, 0.5]);
  near(pose.target, [1, 0, 0.5]);
  near(camera.frameOf(pose).right, [1, 0, 0]);
  near(camera.commonUp([c2w, c2w]), [0, 0, 1]);
});

test('the first camera stands outside and sees all of it', () => {
  const domain = { bbox: [-1, -1, -1, 1, 1, 1] };
  const shape = camera.defaultCamera({ task: 'shape', domain }, null);
  assert.ok(camera.distance(shape) * Math.sin((shape.fov * Math.PI) / 360) >= Math.sqrt(3) - 1e-9);
  const info = { cameras_bbox: [-4, -4, 0, 4, 4, 4], surroundings: { distance: 4 } };
  const scene = camera.defaultCamera({ task: 'views', domain }, { info });
  assert.equal(camera.distance(scene).toFixed(6), '4.000000');
  assert.ok(scene.eye[2] > 0);
  const onOneSide = { cameras_bbox: [3, -1, 0, 4, 1, 1], surroundings: { distance: 4 } };
  assert.ok(camera.defaultCamera({ task: 'views', domain }, { info: onOneSide }).eye[0] > 3.5);
});

test('a ray through the middle is the axis, one through the edge half the field of view away', () => {
  near(camera.along(camera.throughPlace(start, 0.5, 0.5), 4), [0, 0, 0]);
  const edge = camera.frameOf(camera.throughPlace(start, 1, 0.5)).ahead;
  assert.equal(((Math.acos(camera.dot(edge, [-1, 0, 0])) * 180) / Math.PI).toFixed(6), '20.000000');
});

test('planes follow the axes that the file tells', () => {
  /* Voxel axes i, j, k along -y, x, z: 10 x 20 x 30 voxels of 1 mm. */
  const domain = { units: 'mm', shape: [30, 20, 10], source_from_unit: { matrix: [[0, 20, 0], [-10, 0, 0], [0, 0, 30]], offset: [-10, 5, 0] } };
  const [across0, , across2] = planes.planesOf(domain);
  assert.equal(across0.name, 'y');
  assert.deepEqual(planes.countsOf(domain), [10, 20, 30]);
  assert.deepEqual(planes.edgesOf(domain, across0), ['L', 'R', 'S', 'I']);
  assert.deepEqual(planes.edgesOf(domain, across2), ['P', 'A', 'R', 'L']);
  assert.deepEqual(across2.mirrored, { column: true, row: true });
  near(planes.sourceOf(domain, [0.5, 0.25, 0.1]), [-5, 0, 3]);
  near(planes.unitOf(domain, [-5, 0, 3]), [0.5, 0.25, 0.1]);
  assert.equal(planes.positionOf(domain, across0, [0.2, 0, 0]), 3);
  const unit = [0.2, 0.3, 0.4];
  near(planes.unitAt(across2, unit, planes.placeOf(across2, unit)), unit);
});

test('without a map of their own, volumes are arrays', () => {
  const domain = { units: 'voxels', shape: [4, 5, 6, 1], source_from_unit: { matrix: [[6, 0, 0], [0, 5, 0], [0, 0, 4]], offset: [-0.5, -0.5, -0.5] } };
  const plane = planes.planesOf(domain)[2];
  assert.deepEqual(planes.edgesOf(domain, plane), [null, 'x', null, 'y']);
  assert.ok(!planes.slicePath({ id: 'f', domain, state: 'final' }, plane, [0, 0, 0.5], [6, 5], 'npy').includes('orientation'));
});
