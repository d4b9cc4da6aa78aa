// Triangle meshes: signed distances by winding number, which faces matter, and pictures by rasterisation.
//
// Face f of shape s is row offsets[s] + f of `corners` [F, 9]. Inside is a generalised winding number above 0.5.
#pragma once
#include "shade.h"

// What lies on the two sides of a face: INNER (both inside: it is no surface), OUTER (outside along its normal), SHEET (outside on
// both sides: it gets a thickness), TURNED (outside against its normal).
enum Side { INNER, OUTER, SHEET, TURNED };
constexpr float SHEET_HALF_THICKNESS = 0.012f;

HD V3 cross(V3 a, V3 b) { return v3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x); }

// Solid angle of a triangle (corners relative to the point) over 4 pi: the sum over a mesh is the winding number.
HD float winding(V3 a, V3 b, V3 c) {
    float la = length(a), lb = length(b), lc = length(c);
    return atan2f(dot(a, cross(b, c)), la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb) * (0.5f / PI_F);
}

HD float segment_squared(V3 edge, V3 p) {
    V3 q = p - edge * clampf(dot(edge, p) / fmaxf(dot(edge, edge), 1e-12f), 0.f, 1.f);
    return dot(q, q);
}

// Squared distance of the origin to the triangle.
HD float triangle_squared(V3 a, V3 b, V3 c) {
    V3 ab = b - a, bc = c - b, ca = a - c, pa = a * -1.f, pb = b * -1.f, pc = c * -1.f, n = cross(ab, c - a);
    if (dot(cross(ab, n), pa) <= 0.f && dot(cross(bc, n), pb) <= 0.f && dot(cross(ca, n), pc) <= 0.f) {
        float d = dot(n, pa);
        return d * d / fmaxf(dot(n, n), 1e-20f);
    }
    return fminf(segment_squared(ab, pa), fminf(segment_squared(bc, pb), segment_squared(ca, pc)));
}

struct MeshDistances {
    const float* corners;
    const uint8_t* sides;
    const int64_t *offsets, *ids;
    const float* points;
    long per_shape, stride;
    float* out;

    HD void operator()(long i) const {
        long row = i / per_shape, j = i - row * per_shape, shape = ids ? ids[row] : row;
        V3 p = load(points + row * stride + j * 3);
        float turns = 0.f, solid = 100.f, sheet = 100.f;
        for (int64_t f = offsets[shape]; f < offsets[shape + 1]; f++) {
            V3 a = load(corners + f * 9) - p, b = load(corners + f * 9 + 3) - p, c = load(corners + f * 9 + 6) - p;
            turns += winding(a, b, c);
            if (sides[f] == INNER) continue;
            float d = triangle_squared(a, b, c);
            if (sides[f] == SHEET) sheet = fminf(sheet, d);
            else solid = fminf(solid, d);
        }
        out[i] = fminf(turns > 0.5f ? -sqrtf(solid) : sqrtf(solid), sqrtf(sheet) - SHEET_HALF_THICKNESS);
    }
};

struct MeshSides {
    const float* corners;
    const int64_t *offsets, *face_shape;
    uint8_t* out;

    HD void operator()(long i) const {
        const float* own = corners + i * 9;
        V3 a = load(own), b = load(own + 3), c = load(own + 6), n = normalise(cross(b - a, c - a)) * 2e-3f;
        V3 middle = (a + b + c) * (1.f / 3.f), front = middle + n, back = middle - n;
        float along = 0.f, against = 0.f;
        for (int64_t f = offsets[face_shape[i]]; f < offsets[face_shape[i] + 1]; f++) {
            V3 p = load(corners + f * 9), q = load(corners + f * 9 + 3), r = load(corners + f * 9 + 6);
            along += winding(p - front, q - front, r - front);
            against += winding(p - back, q - back, r - back);
        }
        bool in_front = along > 0.5f, behind = against > 0.5f;
        out[i] = in_front ? (behind ? INNER : TURNED) : (behind ? OUTER : SHEET);
    }
};

HD void least(uint64_t* at, uint64_t value) {
#ifdef __CUDA_ARCH__
    atomicMin((unsigned long long*)at, (unsigned long long)value);
#else
    uint64_t seen = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (value < seen && !__atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
#endif
}
HD uint32_t bits(float x) {
    union {
        float f;
        uint32_t u;
    } both = {x};
    return both.u;
}
HD float unbits(uint32_t u) {
    union {
        uint32_t u;
        float f;
    } both = {u};
    return both.f;
}
constexpr uint64_t NO_FACE = ~0ull;

// Nearest face of every sample: depth in the upper 32 bits, the shape's own face number in the lower. Cameras are the first
// columns of a view (EYE to WINDOW).
struct MeshRaster {
    const float* corners;
    const int64_t* offsets;
    const int32_t *item_view, *item_face;
    const float* cameras;
    long stride;
    const int64_t* shape;
    int parallel, size;
    uint64_t* nearest;  // [views, size, size]

    HD void operator()(long i) const {
        int view = item_view[i], face = item_face[i];
        const float *v = cameras + view * stride, *own = corners + (offsets[shape[view]] + face) * 9;
        float x[3], y[3], w[3];
        for (int k = 0; k < 3; k++) {
            V3 p = load(own + 3 * k) - load(v + EYE);
            float depth = dot(p, load(v + FORWARD)), inverse = parallel ? 1.f : 1.f / fmaxf(depth, 1e-3f);
            x[k] = ((dot(p, load(v + RIGHT)) * inverse - v[WINDOW]) / v[WINDOW + 2] * 0.5f + 0.5f) * size - 0.5f;
            y[k] = (0.5f - (dot(p, load(v + UP)) * inverse - v[WINDOW + 1]) / v[WINDOW + 2] * 0.5f) * size - 0.5f;
            w[k] = parallel ? depth : inverse;
        }
        float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
        if (fabsf(area) < 1e-9f) return;
        int x0 = (int)ceilf(fmaxf(fminf(x[0], fminf(x[1], x[2])), 0.f)), x1 = (int)floorf(fminf(fmaxf(x[0], fmaxf(x[1], x[2])), size - 1.f));
        int y0 = (int)ceilf(fmaxf(fminf(y[0], fminf(y[1], y[2])), 0.f)), y1 = (int)floorf(fminf(fmaxf(y[0], fmaxf(y[1], y[2])), size - 1.f));
        for (int row = y0; row <= y1; row++)
            for (int column = x0; column <= x1; column++) {
                float b = ((column - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (row - y[0])) / area;
                float c = ((x[1] - x[0]) * (row - y[0]) - (column - x[0]) * (y[1] - y[0])) / area;
                if (b < -1e-5f || c < -1e-5f || b + c > 1.00001f) continue;
                float at = w[0] + b * (w[1] - w[0]) + c * (w[2] - w[0]), depth = parallel ? at : 1.f / at;
                least(nearest + ((long)view * size + row) * size + column, (uint64_t)bits(fmaxf(depth, 0.f)) << 32 | (uint32_t)face);
            }
    }
};

struct MeshPictures {
    const float *corners, *normals;  // [F, 9]
    const uint8_t* colours;          // [F, 4]: sRGB, colour slot
    const int64_t* offsets;
    const float *views, *lights;  // lights: parallel cameras [views, 15]
    int size, samples, light_size;
    const uint64_t *nearest, *lit;
    uint8_t* out;  // [views, size, size, CHANNELS]

    HD void operator()(long i) const {
        long view = i / (size * size);
        int row = (int)(i / size % size), column = (int)(i % size), fine = size * samples;
        const float *v = views + view * VIEW, *sun = lights + view * 15;
        int64_t first = offsets[(long)v[SHAPE]];
        V3 eye = load(v + EYE);
        Pixel pixel;
        for (int k = 0; k < samples * samples; k++) {
            int sy = row * samples + k / samples, sx = column * samples + k % samples;
            uint64_t found = nearest[(view * fine + sy) * fine + sx];
            if (found == NO_FACE) {
                pixel.miss();
                continue;
            }
            int64_t face = first + (uint32_t)found;
            const float* own = corners + face * 9;
            V3 a = load(own), b = load(own + 3), c = load(own + 6), n = cross(b - a, c - a);
            float twice = length(n);
            n = normalise(n);
            V3 d = ray(v, (sx + 0.5f) / fine, (sy + 0.5f) / fine);
            float slope = dot(d, n), t = fabsf(slope) > 1e-4f ? dot(a - eye, n) / slope : unbits((uint32_t)(found >> 32));
            V3 p = eye + d * t;
            if (v[SMOOTH] > 0.f) {
                float wb = clampf(dot(cross(p - a, c - a), n) / twice, 0.f, 1.f), wc = clampf(dot(cross(b - a, p - a), n) / twice, 0.f, 1.f);
                const float* m = normals + face * 9;
                V3 smooth = load(m) * fmaxf(1.f - wb - wc, 0.f) + load(m + 3) * wb + load(m + 6) * wc;
                n = normalise(n * (1.f - v[SMOOTH]) + smooth * v[SMOOTH]);
            }
            if (slope > 0.f) n = n * -1.f;
            float shadow = 1.f;
            if (v[SHADOW] > 0.f) {
                V3 q = p + n * 0.01f - load(sun + EYE);
                int lx = (int)((dot(q, load(sun + RIGHT)) / sun[WINDOW + 2] * 0.5f + 0.5f) * light_size);
                int ly = (int)((0.5f - dot(q, load(sun + UP)) / sun[WINDOW + 2] * 0.5f) * light_size);
                if (lx >= 0 && ly >= 0 && lx < light_size && ly < light_size) {
                    uint64_t nearer = lit[(view * light_size + ly) * light_size + lx];
                    if (nearer != NO_FACE && dot(q, load(sun + FORWARD)) > unbits((uint32_t)(nearer >> 32)) + 0.03f) shadow = 1.f - v[SHADOW];
                }
            }
            const uint8_t* rgb = colours + face * 4;
            pixel.hit(v, p, n, d, v3(rgb[0], rgb[1], rgb[2]) * (1.f / 255.f), rgb[3], t, 1.f, shadow);
        }
        pixel.write(out + i * CHANNELS);
    }
};
