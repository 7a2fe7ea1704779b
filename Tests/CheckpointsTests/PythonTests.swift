import Checkpoints
import Foundation
import PythonInterpreter
import Tensors
import Testing

/// Runs where `BYOL_PYTHON` names an interpreter with NumPy and the package `safetensors`.
@Suite(.enabled(if: PythonInterpreter.path != nil, "BYOL_PYTHON names no interpreter"))
struct `Files for Python` {
  @Test func `the package safetensors reads our files and we read its`() throws {
    let folder = try TemporaryFolder()
    let ours = folder.path + "/ours.safetensors"
    let theirs = folder.path + "/theirs.safetensors"
    let contents = Safetensors(
      arrays: [
        CheckpointArray(NamedTensor(name: "w", shape: [2, 2], values: [1, 2, 3, -4.5])),
        CheckpointArray(name: "n", shape: [], values: .int64([1 << 40])),
        CheckpointArray(name: "b", shape: [3], values: .uint8([1, 2, 3])),
      ], metadata: ["step": "3"])
    try contents.write(to: ours)
    let script = """
      import sys, numpy
      from safetensors import safe_open
      from safetensors.numpy import load_file, save_file
      arrays = load_file(sys.argv[1])
      assert arrays["w"].dtype == numpy.float32 and arrays["w"].tolist() == [[1, 2], [3, -4.5]]
      assert arrays["n"].dtype == numpy.int64 and arrays["n"].shape == () and arrays["n"] == 1 << 40
      assert arrays["b"].dtype == numpy.uint8 and arrays["b"].tolist() == [1, 2, 3]
      assert safe_open(sys.argv[1], "numpy").metadata()["step"] == "3"
      # A digest as the format of ours has it: of the whole file with zeros in the digest's place.
      import hashlib
      zeros = "0" * 64
      save_file(arrays, sys.argv[2], {"byol.sha256": zeros})
      data = open(sys.argv[2], "rb").read()
      digest = hashlib.sha256(data).hexdigest()
      open(sys.argv[2], "wb").write(data.replace(zeros.encode(), digest.encode(), 1))
      """
    let ran = try #require(PythonInterpreter.run(["-c", script, ours, theirs]))
    #expect(ran.status == 0)
    let read = try Safetensors(reading: theirs)
    #expect(Set(read.arrays) == Set(contents.arrays) && read.metadata.isEmpty)
  }
}
