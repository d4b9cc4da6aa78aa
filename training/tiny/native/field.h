// Signed distance of a shape: a short list of primitives, combined in order.
//
// One shape is MAX_PARTS records of RECORD floats and a frame of FRAME floats; `tiny/shapes.py` writes them and names the
// columns. The same source is compiled for the CPU (g++) and for CUDA (nvcc).
#pragma once
#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#define HD __host__ __device__ __forceinline__
#else
#define HD inline
#endif

constexpr int MAX_PARTS = 24, RECORD = 32, FRAME = 24;
constexpr float PI_F = 3.14159265358979f;

// Columns of a record, in groups of four that are loaded together. REACH: radius of a ball about CENTRE that holds the part.
enum Column {
    TYPE, OP, BLEND, COLOUR,
    CENTRE, REACH = 7,
    FOLDS, MIRROR, RING, ROW_COUNT,
    ROW_STEP, ROW_AXIS,
    SIZE = 14, ROTATION = 22
};
enum Type { NOTHING, BOX, CONE, ARC, ELLIPSOID, STAR, FRUSTUM, CAPSULE };
enum Op { UNION, SMOOTH_UNION, SUBTRACT, INTERSECT };
// Columns of a frame. World points become shape points in this order:
//   u = world / SCALE + ORIGIN      normalisation: the true surface is centred, its longest half extent given
//   mirror x, turn by -yaw          pose: MIRROR is 1 or -1; COSINE and SINE are those of the yaw about y
//   stretch, taper, twist, bend     inverse deformation along the shape's own axes, |y| about 1
//   p = u / BASE_SCALE + BASE       BASE and BASE_SCALE come from the boxes of the primitives
// PARTS: number of records in use. EXTENT: half extents of a world box that holds the surface. SLOPE: 1 without
// deformation, else a factor that keeps the distance a lower bound.
enum FrameColumn {
    ORIGIN, SCALE = 3, PARTS = 4, EXTENT = 5, COSINE = 8, SINE, MIRRORED, TAPER, TWIST, BEND, STRETCH, BASE = 17, BASE_SCALE = 20, SLOPE
};

struct alignas(16) V4 {
    float x, y, z, w;
};
struct V3 {
    float x, y, z;
};
HD V3 v3(float x, float y, float z) { return V3{x, y, z}; }
HD V3 operator+(V3 a, V3 b) { return v3(a.x + b.x, a.y + b.y, a.z + b.z); }
HD V3 operator-(V3 a, V3 b) { return v3(a.x - b.x, a.y - b.y, a.z - b.z); }
HD V3 operator*(V3 a, float s) { return v3(a.x * s, a.y * s, a.z * s); }
HD float dot(V3 a, V3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
HD float length(V3 a) { return sqrtf(dot(a, a)); }
HD float length2(float x, float y) { return sqrtf(x * x + y * y); }
HD V3 normalise(V3 a) { return a * (1.0f / fmaxf(length(a), 1e-12f)); }
HD float clampf(float x, float lo, float hi) { return fminf(fmaxf(x, lo), hi); }
HD V3 load(const float* p) { return v3(p[0], p[1], p[2]); }
HD V4 load4(const float* p) { return *reinterpret_cast<const V4*>(p); }
// For angles within a turn or so, where the fast GPU functions are exact enough.
HD void sine_cosine(float angle, float* s, float* c) {
#ifdef __CUDA_ARCH__
    __sincosf(angle, s, c);
#else
    *s = sinf(angle), *c = cosf(angle);
#endif
}

// Box of half extents a[0..3], edges rounded by a[3].
HD float box(V3 p, const float* a) {
    float r = a[3];
    float x = fabsf(p.x) - a[0] + r, y = fabsf(p.y) - a[1] + r, z = fabsf(p.z) - a[2] + r;
    float outside = length(v3(fmaxf(x, 0.f), fmaxf(y, 0.f), fmaxf(z, 0.f)));
    return outside + fminf(fmaxf(x, fmaxf(y, z)), 0.f) - r;
}

// Cone frustum along y: half height, lower radius, upper radius, depth scale (z), rounding.
HD float cone(V3 p, const float* a) {
    float r = a[4], h = a[0] - r, r1 = a[1] - r, r2 = a[2] - r;
    float qx = length2(p.x, p.z / a[3]), qy = p.y;
    float cap_x = qx - fminf(qx, qy < 0.f ? r1 : r2), cap_y = fabsf(qy) - h;
    float k2x = r2 - r1, k2y = 2.f * h;
    float t = clampf(((r2 - qx) * k2x + (h - qy) * k2y) / (k2x * k2x + k2y * k2y), 0.f, 1.f);
    float side_x = qx - r2 + k2x * t, side_y = qy - h + k2y * t;
    float sign = (side_x < 0.f && cap_y < 0.f) ? -1.f : 1.f;
    float d = sign * sqrtf(fminf(cap_x * cap_x + cap_y * cap_y, side_x * side_x + side_y * side_y));
    return (d - r) * fminf(1.f, a[3]);
}

// Torus arc in the xy plane, symmetric about +y: ring radius, tube radius, half angle (pi: closed).
HD float arc(V3 p, const float* a) {
    float s, c, x = fabsf(p.x);
    sine_cosine(a[2], &s, &c);
    bool closed = a[2] > 3.14f;
    float k = (!closed && c * x > s * p.y) ? x * s + p.y * c : length2(x, p.y);
    return sqrtf(fmaxf(dot(p, p) + a[0] * a[0] - 2.f * a[0] * k, 0.f)) - a[1];
}

// Ellipsoid of radii a[0..3] (first-order distance).
HD float ellipsoid(V3 p, const float* a) {
    V3 u = v3(p.x / a[0], p.y / a[1], p.z / a[2]);
    V3 w = v3(u.x / a[0], u.y / a[1], u.z / a[2]);
    float k0 = length(u), k1 = length(w);
    return k1 < 1e-6f ? -fminf(a[0], fminf(a[1], a[2])) : k0 * (k0 - 1.f) / k1;
}

// Star prism in the xy plane: outer radius, points, sharpness m in (2, points], half depth.
HD float star(V3 p, const float* a) {
    float an = PI_F / a[1], en = PI_F / a[2];
    float acx, acy, ecx, ecy, sb, cb;
    sine_cosine(an, &acy, &acx);
    sine_cosine(en, &ecy, &ecx);
    float angle = atan2f(p.x, p.y);
    float bn = angle - 2.f * an * floorf(angle / (2.f * an)) - an;
    float l = length2(p.x, p.y);
    sine_cosine(bn, &sb, &cb);
    float x = l * cb - a[0] * acx, y = l * fabsf(sb) - a[0] * acy;
    float t = clampf(-(x * ecx + y * ecy), 0.f, a[0] * acy / ecy);
    x += ecx * t;
    y += ecy * t;
    float d = length2(x, y) * (x < 0.f ? -1.f : 1.f), e = fabsf(p.z) - a[3];
    return fminf(fmaxf(d, e), 0.f) + length2(fmaxf(d, 0.f), fmaxf(e, 0.f));
}

// Box frustum along y: half height, lower half sizes (x, z), upper half sizes (x, z).
HD float frustum(V3 p, const float* a) {
    float h = a[0], y = p.y + h;
    float ax = a[1] - a[3], az = a[2] - a[4];
    float lx = 1.f / length2(2.f * h, ax), lz = 1.f / length2(2.f * h, az);
    float dx = ((fabsf(p.x) - a[1]) * 2.f * h + y * ax) * lx;
    float dz = ((fabsf(p.z) - a[2]) * 2.f * h + y * az) * lz;
    return fmaxf(fmaxf(dx, dz), fabsf(p.y) - h);
}

// Tapered capsule along y: lower radius, upper radius, distance of the two centres.
HD float capsule(V3 p, const float* a) {
    float r1 = a[0], r2 = a[1], h = a[2], y = p.y + 0.5f * h, x = length2(p.x, p.z);
    float b = clampf((r1 - r2) / h, -0.999f, 0.999f), c = sqrtf(1.f - b * b), k = -b * x + c * y;
    if (k < 0.f) return length2(x, y) - r1;
    if (k > c * h) return length2(x, y - h) - r2;
    return x * c + y * b - r1;
}

HD float primitive(V3 p, int type, const float* a) {
    switch (type) {
        case BOX: return box(p, a);
        case CONE: return cone(p, a);
        case ARC: return arc(p, a);
        case ELLIPSOID: return ellipsoid(p, a);
        case STAR: return star(p, a);
        case FRUSTUM: return frustum(p, a);
        default: return capsule(p, a);
    }
}

// Point p of shape space relative to the centre of a part: mirrored, folded into one sector, one cell of a row.
HD V3 fold(V3 p, const float* r, V3 centre) {
    int mirror = (int)r[MIRROR];
    if (mirror & 1) p.x = fabsf(p.x);
    if (mirror & 2) p.z = fabsf(p.z);
    if (r[RING] > 1.5f) {
        float sector = 2.f * PI_F / r[RING], angle = atan2f(p.z, p.x), l = length2(p.x, p.z), s, c;
        angle -= sector * rintf(angle / sector);
        sine_cosine(angle, &s, &c);
        p.x = l * c;
        p.z = l * s;
    }
    V3 q = p - centre;
    if (r[ROW_COUNT] > 1.5f) {
        float half = 0.5f * (r[ROW_COUNT] - 1.f), step = r[ROW_STEP];
        float u = r[ROW_AXIS] < 0.5f ? q.x : (r[ROW_AXIS] < 1.5f ? q.y : q.z);
        u -= step * (clampf(rintf(u / step + half), 0.f, r[ROW_COUNT] - 1.f) - half);
        if (r[ROW_AXIS] < 0.5f) q.x = u;
        else if (r[ROW_AXIS] < 1.5f) q.y = u;
        else q.z = u;
    }
    return q;
}

HD V3 turned(V3 p, float c, float s) { return v3(c * p.x - s * p.z, p.y, s * p.x + c * p.z); }

HD V3 shape_point(V3 world, const float* frame) {
    V3 u = world * (1.f / frame[SCALE]) + load(frame + ORIGIN);
    u.x *= frame[MIRRORED];
    u = turned(u, frame[COSINE], frame[SINE]);
    if (frame[SLOPE] < 1.f) {
        float taper = 1.f + frame[TAPER] * clampf(u.y, -1.5f, 1.5f), angle = frame[TWIST] * u.y, s, c;
        sine_cosine(angle, &s, &c);
        u = turned(v3(u.x * frame[STRETCH] * taper, u.y * frame[STRETCH + 1], u.z * frame[STRETCH + 2] * taper), c, s);
        u.x += frame[BEND] * u.y * u.y;
    }
    return u * (1.f / frame[BASE_SCALE]) + load(frame + BASE);
}

// Signed distance in world units, negative inside. `colour` (optional) receives the colour slot of the nearest part.
// Under a deformation it is a lower bound of the distance with the right sign.
HD float signed_distance(V3 world, const float* records, const float* frame, int* colour = nullptr) {
    V3 p = shape_point(world, frame);
    float d = 1e3f;
    int parts = (int)frame[PARTS], chosen = 0;
    for (int i = 0; i < parts; i++) {
        const float* r = records + i * RECORD;
        V4 head = load4(r + TYPE), place = load4(r + CENTRE);
        int type = (int)head.x, op = (int)head.y;
        if (type == NOTHING) continue;
        V3 centre = v3(place.x, place.y, place.z);
        V3 q = r[FOLDS] > 0.5f ? fold(p, r, centre) : p - centre;
        // Most parts are too far away to matter: e >= |q| - REACH decides without evaluating e.
        float least = length(q) - place.w, k = head.z;
        if (op == SUBTRACT ? -least < d : op != INTERSECT && least - (op == SMOOTH_UNION ? k : 0.f) > d) continue;
        const float* m = r + ROTATION;
        float e = primitive(v3(dot(load(m), q), dot(load(m + 3), q), dot(load(m + 6), q)), type, r + SIZE);
        bool takes = false;
        if (op == SMOOTH_UNION) {
            float h = fmaxf(k - fabsf(d - e), 0.f) / k;
            takes = e < d;
            d = fminf(d, e) - h * h * k * 0.25f;
        } else if (op == SUBTRACT) {
            takes = -e > d;
            d = fmaxf(d, -e);
        } else if (op == INTERSECT) {
            d = fmaxf(d, e);
        } else {
            takes = e < d;
            d = fminf(d, e);
        }
        if (takes) chosen = (int)head.w;
    }
    if (colour) *colour = chosen;
    return d * frame[SCALE] * frame[BASE_SCALE] * frame[SLOPE];
}

HD V3 gradient(V3 p, const float* records, const float* frame, float eps) {
    float a = signed_distance(p + v3(eps, -eps, -eps), records, frame);
    float b = signed_distance(p + v3(-eps, -eps, eps), records, frame);
    float c = signed_distance(p + v3(-eps, eps, -eps), records, frame);
    float d = signed_distance(p + v3(eps, eps, eps), records, frame);
    return normalise(v3(a - b - c + d, -a - b + c + d, -a + b - c + d));
}
