// Validates each GLB named on the command line with the Khronos glTF validator.
// Prints one JSON line a file: {file, errors, warnings, messages}; exits 1 when any file has an error or a warning.
import { readFileSync } from "node:fs";
import validator from "gltf-validator";

let clean = true;
for (const file of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(file)));
  const { numErrors: errors, numWarnings: warnings, messages } = report.issues;
  clean &&= errors === 0 && warnings === 0;
  console.log(JSON.stringify({ file, errors, warnings, messages }));
}
process.exit(clean ? 0 : 1);
