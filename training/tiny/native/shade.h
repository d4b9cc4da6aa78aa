// What a picture is made of: the view's columns, materials, light, and the channels of a pixel.
#pragma once
#include "field.h"

// Columns of a view. WINDOW: centre and half size on the image plane at distance 1. SHADOW: how dark cast shadows are.
// TEXTURE: kind (0: none), along TEXTURE_AXIS at FREQUENCY, mixing SECOND in by STRENGTH, on colour slot ONLY_SLOT (negative: all).
// SMOOTH: share of interpolated normals on meshes. CAMERA: azimuth, elevation, field of view, for the record.
constexpr int VIEW = 48;
enum ViewColumn {
    EYE, RIGHT = 3, UP = 6, FORWARD = 9, WINDOW = 12, LIGHT = 15, AMBIENT = 18, GLOSS, OCCLUSION, BORDER, PALETTE = 22, SHAPE = 31,
    CAMERA, SHADOW = 35, TEXTURE, TEXTURE_AXIS, FREQUENCY = 40, SECOND, STRENGTH = 44, SMOOTH, ONLY_SLOT
};

// Direction of the ray through (x, y) of the picture, in [0, 1] from its upper left corner.
HD V3 ray(const float* v, float x, float y) {
    float a = v[WINDOW] + (2.f * x - 1.f) * v[WINDOW + 2], b = v[WINDOW + 1] + (1.f - 2.f * y) * v[WINDOW + 2];
    return normalise(load(v + FORWARD) + load(v + RIGHT) * (a + 1e-7f) + load(v + UP) * (b + 1e-7f));
}

HD float cell_noise(int x, int y, int z) {
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + (uint32_t)z * 2147483647u;
    h = (h ^ (h >> 13)) * 1274126177u;
    return (float)((h ^ (h >> 16)) & 0xffff) * (1.f / 65535.f);
}

HD float noise(V3 p) {
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z), sum = 0.f;
    for (int k = 0; k < 8; k++) {
        int dx = k & 1, dy = k >> 1 & 1, dz = k >> 2;
        float wx = dx ? p.x - fx : 1.f - p.x + fx, wy = dy ? p.y - fy : 1.f - p.y + fy, wz = dz ? p.z - fz : 1.f - p.z + fz;
        sum += wx * wy * wz * cell_noise((int)fx + dx, (int)fy + dy, (int)fz + dz);
    }
    return sum;
}

// Share of the second colour at p.
HD float pattern(const float* v, V3 p) {
    V3 axis = load(v + TEXTURE_AXIS);
    float f = v[FREQUENCY], along = dot(axis, p);
    switch ((int)v[TEXTURE]) {
        case 1: return sinf(f * along) > 0.f;
        case 2: return sinf(f * p.x) * sinf(f * p.y) * sinf(f * p.z) > 0.f;
        case 3: return clampf(2.f * noise(p * f) - 0.5f, 0.f, 1.f);
        case 4: return noise(p * f) > 0.62f;
        case 5: return clampf(0.5f + 0.6f * along, 0.f, 1.f);
        default: return 0.f;
    }
}

// A pixel's samples. CHANNELS: red, green, blue of the surface; light on it (127.5: as it is); highlight; outline; coverage.
constexpr int CHANNELS = 7;
struct Pixel {
    V3 albedo = v3(0, 0, 0), first = v3(0, 0, 0);
    float shade = 0.f, shine = 0.f, edge = 0.f, depth = 0.f;
    int hits = 0, misses = 0, slot = 0;

    HD void miss() { misses++; }
    HD void hit(const float* v, V3 p, V3 n, V3 d, V3 colour, int part, float t, float open, float lit) {
        V3 light = load(v + LIGHT);
        if (v[TEXTURE] > 0.5f && (v[ONLY_SLOT] < 0.f || (int)v[ONLY_SLOT] == part % 3)) {
            float w = v[STRENGTH] * pattern(v, p);
            colour = colour * (1.f - w) + load(v + SECOND) * w;
        }
        open = 1.f - v[OCCLUSION] * (1.f - clampf(open, 0.f, 1.f));
        float diffuse = fmaxf(dot(n, light), 0.f) * lit, sky = 0.75f + 0.25f * n.y;
        float gleam = fmaxf(dot(n, normalise(light - d)), 0.f);
        gleam *= gleam, gleam *= gleam, gleam *= gleam, gleam *= gleam;
        albedo = albedo + colour;
        shade += (v[AMBIENT] * sky + (1.f - v[AMBIENT]) * diffuse) * open;
        shine += v[GLOSS] * gleam * diffuse;
        if (!hits) first = n, depth = t, slot = part;
        else if (part != slot || dot(n, first) < 0.8f || fabsf(t - depth) > 0.06f) edge += 1.f;
        hits++;
    }
    HD void write(uint8_t* o) const {
        float scale = hits ? 1.f / hits : 0.f, total = (float)(hits + misses);
        float line = hits && misses ? 1.f : edge * scale * 1.5f;
        o[0] = (uint8_t)(clampf(albedo.x * scale, 0.f, 1.f) * 255.f + 0.5f);
        o[1] = (uint8_t)(clampf(albedo.y * scale, 0.f, 1.f) * 255.f + 0.5f);
        o[2] = (uint8_t)(clampf(albedo.z * scale, 0.f, 1.f) * 255.f + 0.5f);
        o[3] = (uint8_t)(clampf(shade * scale, 0.f, 2.f) * 127.5f + 0.5f);
        o[4] = (uint8_t)(clampf(shine * scale, 0.f, 1.f) * 255.f + 0.5f);
        o[5] = (uint8_t)(clampf(line, 0.f, 1.f) * 255.f + 0.5f);
        o[6] = (uint8_t)(255.f * hits / total + 0.5f);
    }
};
