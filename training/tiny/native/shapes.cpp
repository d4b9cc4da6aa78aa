// Entry points on many shapes at once: bounding boxes, distances, surface samples, pictures.
//
// Each is a functor over independent work items; `each` runs it as an OpenMP loop or as a CUDA kernel.
#include "field.h"
#include "shade.h"

#ifdef __CUDACC__
template <class F>
__global__ void kernel(F f, long n) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) f(i);
}

template <class F>
static int each(long n, const F& f, void* stream) {
    if (n == 0) return 0;
    kernel<<<(unsigned)((n + 127) / 128), 128, 0, (cudaStream_t)stream>>>(f, n);
    return (int)cudaGetLastError();
}
#else
template <class F>
static int each(long n, const F& f, void*) {
#pragma omp parallel for schedule(dynamic, 64)
    for (long i = 0; i < n; i++) f(i);
    return 0;
}
#endif

// Counter-based random numbers: the same on every device and in any order.
struct Random {
    uint64_t state;
    HD Random(uint64_t seed, uint64_t stream) { state = mix(seed * 0x9E3779B97F4A7C15ull + mix(stream + 0x632BE59BD9B4E019ull)); }
    static HD uint64_t mix(uint64_t z) {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }
    HD float uniform() {
        state += 0x9E3779B97F4A7C15ull;
        return (float)(mix(state) >> 40) * (1.0f / 16777216.0f);
    }
};

// ---- Bounding boxes -------------------------------------------------------------------------------------------------

// Extends [lo, hi] by the points of a primitive that can be extreme, each with a radius around it.
struct Bounds {
    const float* records;
    float* frames;  // in: PARTS; out: all
    float half;     // longest half extent of the boxes at unit SCALE

    static HD void take(V3 p, const float* r, float radius, float* lo, float* hi) {
        const float* m = r + ROTATION;
        V3 base = v3(m[0] * p.x + m[3] * p.y + m[6] * p.z, m[1] * p.x + m[4] * p.y + m[7] * p.z,
                     m[2] * p.x + m[5] * p.y + m[8] * p.z) + load(r + CENTRE);
        int rows = r[ROW_COUNT] > 1.5f ? 2 : 1, ring = r[RING] > 1.5f ? (int)r[RING] : 1, mirror = (int)r[MIRROR];
        for (int row = 0; row < rows; row++) {
            V3 q = base;
            if (rows == 2) {
                float shift = (row ? 0.5f : -0.5f) * (r[ROW_COUNT] - 1.f) * r[ROW_STEP];
                int axis = (int)r[ROW_AXIS];
                (axis == 0 ? q.x : (axis == 1 ? q.y : q.z)) += shift;
            }
            for (int k = 0; k < ring; k++) {
                float c = cosf(2.f * PI_F * k / ring), s = sinf(2.f * PI_F * k / ring);
                V3 t = v3(c * q.x - s * q.z, q.y, s * q.x + c * q.z);
                for (int f = 0; f < 4; f++) {
                    if (f & ~mirror) continue;
                    float v[3] = {f & 1 ? -t.x : t.x, t.y, f & 2 ? -t.z : t.z};
                    for (int a = 0; a < 3; a++) {
                        lo[a] = fminf(lo[a], v[a] - radius);
                        hi[a] = fmaxf(hi[a], v[a] + radius);
                    }
                }
            }
        }
    }

    HD void operator()(long i) const {
        const float* shape = records + i * (long)(MAX_PARTS * RECORD);
        float* frame = frames + i * FRAME;
        float lo[3] = {1e9f, 1e9f, 1e9f}, hi[3] = {-1e9f, -1e9f, -1e9f};
        for (int part = 0; part < (int)frame[PARTS]; part++) {
            const float* r = shape + part * RECORD;
            const float* a = r + SIZE;
            int type = (int)r[TYPE], op = (int)r[OP];
            if (type == NOTHING || op == SUBTRACT || op == INTERSECT) continue;
            for (int k = 0; k < 32; k++) {
                float c = cosf(2.f * PI_F * k / 32), s = sinf(2.f * PI_F * k / 32);
                float x = k & 1 ? 1.f : -1.f, y = k & 2 ? 1.f : -1.f, z = k & 4 ? 1.f : -1.f;
                if (type == BOX && k < 8) take(v3(x * (a[0] - a[3]), y * (a[1] - a[3]), z * (a[2] - a[3])), r, a[3], lo, hi);
                if (type == FRUSTUM && k < 8) take(v3(x * (y < 0 ? a[1] : a[3]), y * a[0], z * (y < 0 ? a[2] : a[4])), r, 0.f, lo, hi);
                if (type == CONE) {
                    take(v3(c * (a[1] - a[4]), -a[0] + a[4], s * (a[1] - a[4]) * a[3]), r, a[4], lo, hi);
                    take(v3(c * (a[2] - a[4]), a[0] - a[4], s * (a[2] - a[4]) * a[3]), r, a[4], lo, hi);
                }
                if (type == ARC) {
                    float angle = a[2] * (k / 15.5f - 1.f);
                    take(v3(sinf(angle) * a[0], cosf(angle) * a[0], 0.f), r, a[1], lo, hi);
                }
                if (type == STAR) {
                    float angle = 2.f * PI_F * k / a[1];
                    if (k < (int)(a[1] + 0.5f)) {
                        take(v3(sinf(angle) * a[0], cosf(angle) * a[0], a[3]), r, 0.f, lo, hi);
                        take(v3(sinf(angle) * a[0], cosf(angle) * a[0], -a[3]), r, 0.f, lo, hi);
                    }
                }
                if (type == CAPSULE && k < 2) take(v3(0.f, 0.5f * a[2] * x, 0.f), r, k ? a[1] : a[0], lo, hi);
                // The extremes of an ellipsoid along the world axes, exactly.
                if (type == ELLIPSOID && k < 6) {
                    const float* m = r + ROTATION;
                    int axis = k >> 1;
                    V3 d = v3(m[axis], m[3 + axis], m[6 + axis]);
                    V3 e = v3(d.x * a[0] * a[0], d.y * a[1] * a[1], d.z * a[2] * a[2]);
                    take(e * ((k & 1 ? 1.f : -1.f) / fmaxf(sqrtf(dot(d, e)), 1e-9f)), r, 0.f, lo, hi);
                }
            }
        }
        float longest = 1e-6f, deformed = frame[SLOPE] < 1.f ? 1.6f : 1.f;
        for (int a = 0; a < 3; a++) longest = fmaxf(longest, 0.5f * (hi[a] - lo[a]));
        frame[BASE_SCALE] = half / longest;
        frame[SCALE] = 1.f;
        float e[3];
        for (int a = 0; a < 3; a++) {
            frame[BASE + a] = 0.5f * (hi[a] + lo[a]);
            frame[ORIGIN + a] = 0.f;
            e[a] = 0.5f * (hi[a] - lo[a]) * frame[BASE_SCALE] * deformed + (deformed > 1.f ? 0.2f : 0.f);
        }
        float c = fabsf(frame[COSINE]), s = fabsf(frame[SINE]);
        frame[EXTENT] = c * e[0] + s * e[2];
        frame[EXTENT + 1] = e[1];
        frame[EXTENT + 2] = s * e[0] + c * e[2];
    }
};

// ---- Distances ------------------------------------------------------------------------------------------------------

struct Distances {
    const float *records, *frames, *points;
    const int64_t* ids;  // which shapes; null: all in order
    long per_shape, stride;
    float* out;

    HD void operator()(long i) const {
        long row = i / per_shape, j = i - row * per_shape, shape = ids ? ids[row] : row;
        V3 p = load(points + row * stride + j * 3);
        const float *r = records + shape * (long)(MAX_PARTS * RECORD), *frame = frames + shape * FRAME;
        float d = signed_distance(p, r, frame);
        if (frame[SLOPE] < 1.f && fabsf(d) < 0.1f) {
            // First order: distance over the length of the gradient.
            const float h = 1e-3f;
            V3 g = v3(signed_distance(p + v3(h, 0, 0), r, frame) - signed_distance(p - v3(h, 0, 0), r, frame),
                      signed_distance(p + v3(0, h, 0), r, frame) - signed_distance(p - v3(0, h, 0), r, frame),
                      signed_distance(p + v3(0, 0, h), r, frame) - signed_distance(p - v3(0, 0, h), r, frame));
            d /= clampf(length(g) / (2.f * h), 0.3f, 1.f);
        }
        out[i] = d;
    }
};

// ---- Surface samples ------------------------------------------------------------------------------------------------

// Uniform by area: random lines that hit the bounding box (entry uniform on the box, direction by cosine), every crossing
// of a line kept. One item fills GROUP consecutive samples.
struct Surface {
    static constexpr int GROUP = 16;
    const float *records, *frames;
    long per_shape;
    uint64_t seed;
    int budget;    // lines per group
    float* out;    // [shapes, per_shape, 6]: point, outward normal
    int32_t* left; // [shapes * groups]: samples a group could not find

    HD void operator()(long i) const {
        long groups = per_shape / GROUP, shape = i / groups;
        const float* r = records + shape * (long)(MAX_PARTS * RECORD);
        const float* frame = frames + shape * FRAME;
        float ex = frame[EXTENT] + 0.01f, ey = frame[EXTENT + 1] + 0.01f, ez = frame[EXTENT + 2] + 0.01f;
        float* rows = out + i * GROUP * 6;
        Random random(seed, (uint64_t)i);
        int found = 0;
        for (int line = 0; line < budget && found < GROUP; line++) {
            float yz = ey * ez, zx = ez * ex, xy = ex * ey, pick = random.uniform() * (yz + zx + xy);
            float side = random.uniform() < 0.5f ? -1.f : 1.f;
            float u = 2.f * random.uniform() - 1.f, v = 2.f * random.uniform() - 1.f;
            float turn = 2.f * PI_F * random.uniform(), sin2 = random.uniform();
            float s = sqrtf(sin2), inward = -side * sqrtf(1.f - sin2), cx = s * cosf(turn), cy = s * sinf(turn);
            V3 p, d;
            if (pick < yz) p = v3(side * ex, u * ey, v * ez), d = v3(inward, cx, cy);
            else if (pick < yz + zx) p = v3(u * ex, side * ey, v * ez), d = v3(cx, inward, cy);
            else p = v3(u * ex, v * ey, side * ez), d = v3(cx, cy, inward);
            float end = 1e9f;
            end = fminf(end, ((d.x < 0 ? -ex : ex) - p.x) / (fabsf(d.x) < 1e-6f ? 1e-6f : d.x));
            if (fabsf(d.y) > 1e-6f) end = fminf(end, ((d.y < 0 ? -ey : ey) - p.y) / d.y);
            if (fabsf(d.z) > 1e-6f) end = fminf(end, ((d.z < 0 ? -ez : ez) - p.z) / d.z);
            if (!(end > 0.f)) end = 4.f;
            float t = 0.f, last_t = 0.f, last = signed_distance(p, r, frame);
            for (int step = 0; step < 1024 && t < end && found < GROUP; step++) {
                t += fmaxf(0.9f * fabsf(last), 2e-3f);
                float now = signed_distance(p + d * t, r, frame);
                if ((now < 0.f) != (last < 0.f)) {
                    float a = last_t, b = t, fa = last;
                    for (int k = 0; k < 12; k++) {
                        float m = 0.5f * (a + b), fm = signed_distance(p + d * m, r, frame);
                        if ((fm < 0.f) != (fa < 0.f)) b = m;
                        else a = m, fa = fm;
                    }
                    V3 q = p + d * (0.5f * (a + b)), n = gradient(q, r, frame, 1e-3f);
                    float* o = rows + found++ * 6;
                    o[0] = q.x, o[1] = q.y, o[2] = q.z, o[3] = n.x, o[4] = n.y, o[5] = n.z;
                }
                last_t = t;
                last = now;
            }
        }
        left[i] = GROUP - found;
        for (int k = found; k < GROUP; k++)
            for (int a = 0; a < 6; a++) rows[k * 6 + a] = found ? rows[(k - found) % found * 6 + a] : 0.f;
    }
};

// ---- Pictures -------------------------------------------------------------------------------------------------------

// Sets WINDOW (centre, half size on the image plane at distance 1) so that the silhouette's box fills 1 - BORDER.
struct Frame {
    const float* surface;  // [shapes, per_shape, 6]
    long per_shape;
    float* views;

    HD void operator()(long i) const {
        float* v = views + i * VIEW;
        const float* s = surface + (long)v[SHAPE] * per_shape * 6;
        float lo_u = 1e9f, hi_u = -1e9f, lo_v = 1e9f, hi_v = -1e9f;
        V3 eye = load(v + EYE), right = load(v + RIGHT), up = load(v + UP), forward = load(v + FORWARD);
        for (long k = 0; k < per_shape; k++) {
            V3 p = load(s + k * 6) - eye;
            float depth = 1.f / dot(p, forward), a = dot(p, right) * depth, b = dot(p, up) * depth;
            lo_u = fminf(lo_u, a), hi_u = fmaxf(hi_u, a), lo_v = fminf(lo_v, b), hi_v = fmaxf(hi_v, b);
        }
        v[WINDOW] = 0.5f * (lo_u + hi_u);
        v[WINDOW + 1] = 0.5f * (lo_v + hi_v);
        v[WINDOW + 2] = 0.5f * fmaxf(hi_u - lo_u, hi_v - lo_v) / (1.f - v[BORDER]);
    }
};

struct Pictures {
    const float *records, *frames, *views;
    int size, samples;  // samples x samples rays a pixel
    uint8_t* out;       // [views, size, size, CHANNELS]

    // `detail`: a share of a ray's footprint at distance 1; nearer than that counts as a hit.
    HD bool trace(V3 eye, V3 d, const float* r, const float* frame, float detail, float* at) const {
        float ex = frame[EXTENT] + 0.01f, ey = frame[EXTENT + 1] + 0.01f, ez = frame[EXTENT + 2] + 0.01f;
        float ix = 1.f / d.x, iy = 1.f / d.y, iz = 1.f / d.z;
        float x0 = (-ex - eye.x) * ix, x1 = (ex - eye.x) * ix, y0 = (-ey - eye.y) * iy, y1 = (ey - eye.y) * iy;
        float z0 = (-ez - eye.z) * iz, z1 = (ez - eye.z) * iz;
        float t = fmaxf(fmaxf(fminf(x0, x1), fminf(y0, y1)), fmaxf(fminf(z0, z1), 0.f));
        float end = fminf(fminf(fmaxf(x0, x1), fmaxf(y0, y1)), fmaxf(z0, z1));
        for (int step = 0; step < 160 && t < end; step++) {
            float distance = signed_distance(eye + d * t, r, frame), near = fmaxf(detail * t, 4e-4f);
            if (distance < near) {
                *at = t;
                return true;
            }
            t += fmaxf(0.93f * distance, near);
        }
        return false;
    }

    HD void operator()(long i) const {
        // Neighbouring items are tiles of 8 x 4 pixels, so that their rays meet the same parts.
        int columns = (size + 7) / 8, rows = (size + 3) / 4;
        long tiles = (long)columns * rows, tile = i / 32, view = tile / tiles;
        int place = (int)(tile - view * tiles), column = place % columns * 8 + i % 8, row = place / columns * 4 + i % 32 / 8;
        if (column >= size || row >= size) return;
        const float* v = views + view * VIEW;
        long shape = (long)v[SHAPE];
        const float* r = records + shape * (long)(MAX_PARTS * RECORD);
        const float* frame = frames + shape * FRAME;
        float detail = 0.25f * v[WINDOW + 2] / (size * samples);
        Pixel pixel;
        for (int k = 0; k < samples * samples; k++) {
            V3 eye = load(v + EYE), d = ray(v, (column + (k % samples + 0.5f) / samples) / size, (row + (k / samples + 0.5f) / samples) / size);
            float t;
            if (!trace(eye, d, r, frame, detail, &t)) {
                pixel.miss();
                continue;
            }
            V3 p = eye + d * t, n = gradient(p, r, frame, 1.5e-3f), light = load(v + LIGHT);
            int slot = 0;
            signed_distance(p, r, frame, &slot);
            float open = 1.f;
            for (int h = 1; h <= 3; h++) {
                float reach = 0.05f * h;
                open -= (reach - clampf(signed_distance(p + n * reach, r, frame), 0.f, reach)) * (2.2f / h);
            }
            float lit = 1.f, at;
            if (v[SHADOW] > 0.f && dot(n, light) > 0.f && trace(p + n * 0.02f, light, r, frame, 0.f, &at)) lit = 1.f - v[SHADOW];
            pixel.hit(v, p, n, d, load(v + PALETTE + 3 * slot), slot, t, open, lit);
        }
        pixel.write(out + ((view * size + row) * size + column) * CHANNELS);
    }
};

#include "mesh.h"

// Each returns 0 or a CUDA error code. Pointers live on the device the library was built for.
extern "C" {
int tiny_bounds(const float* records, float* frames, long shapes, float half, void* stream) {
    return each(shapes, Bounds{records, frames, half}, stream);
}
int tiny_distances(const float* records, const float* frames, const int64_t* ids, long rows, const float* points, long per_shape,
                   long stride, float* out, void* stream) {
    return each(rows * per_shape, Distances{records, frames, points, ids, per_shape, stride, out}, stream);
}
int tiny_surface(const float* records, const float* frames, long shapes, long per_shape, uint64_t seed, int budget, float* out,
                 int32_t* left, void* stream) {
    return each(shapes * (per_shape / Surface::GROUP), Surface{records, frames, per_shape, seed, budget, out, left}, stream);
}
int tiny_frame(const float* surface, long per_shape, float* views, long count, void* stream) {
    return each(count, Frame{surface, per_shape, views}, stream);
}
int tiny_pictures(const float* records, const float* frames, const float* views, long count, int size, int samples, uint8_t* out,
                  void* stream) {
    return each(count * (long)((size + 7) / 8) * ((size + 3) / 4) * 32, Pictures{records, frames, views, size, samples, out}, stream);
}
int tiny_mesh_distances(const float* corners, const uint8_t* sides, const int64_t* offsets, const int64_t* ids, long rows,
                        const float* points, long per_shape, long stride, float* out, void* stream) {
    return each(rows * per_shape, MeshDistances{corners, sides, offsets, ids, points, per_shape, stride, out}, stream);
}
int tiny_mesh_sides(const float* corners, const int64_t* offsets, const int64_t* face_shape, long faces, uint8_t* out, void* stream) {
    return each(faces, MeshSides{corners, offsets, face_shape, out}, stream);
}
int tiny_mesh_raster(const float* corners, const int64_t* offsets, const int32_t* item_view, const int32_t* item_face, long items,
                     const float* cameras, long stride, const int64_t* shape, int parallel, int size, uint64_t* nearest, void* stream) {
    return each(items, MeshRaster{corners, offsets, item_view, item_face, cameras, stride, shape, parallel, size, nearest}, stream);
}
int tiny_mesh_pictures(const float* corners, const float* normals, const uint8_t* colours, const int64_t* offsets, const float* views,
                       const float* lights, long count, int size, int samples, int light_size, const uint64_t* nearest,
                       const uint64_t* lit, uint8_t* out, void* stream) {
    return each(count * (long)size * size,
                MeshPictures{corners, normals, colours, offsets, views, lights, size, samples, light_size, nearest, lit, out}, stream);
}
}
