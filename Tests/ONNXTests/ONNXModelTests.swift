import Durability
import FaultyDisk
import Foundation
import ONNX
import TensorGraph
import Tensors
import Testing

/// ONNX files of small graphs, read back by the tests' own reader.
@Suite struct `ONNX files` {
  private static func write(_ graph: ONNXGraph) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let file = try ONNXModel(graph, documentation: "Ω", metadata: ["b": "2", "a": ""])
    try file.write(to: folder.path + "/model.onnx")
    let bytes = try DiskFileSystem().read(folder.path + "/model.onnx")
    #expect(bytes.count == file.byteCount)
    return bytes
  }

  @Test func `what is written is what is read`() throws {
    var graph = ONNXGraph()
    graph.inputs = [
      ONNXValue(
        name: "x", element: .uint8, shape: [.named("N"), .fixed(300)], documentation: "bytes")
    ]
    graph.outputs = [
      ONNXValue(name: "y", element: .float32, shape: [.named("N")], documentation: "sums")
    ]
    let negative = graph.add(constant: .integers([-1, 1 << 40]), [2], name: "axes")
    let floats = graph.add(constant: .floats([1, -0.5, 2.5]), [3, 1], name: "w")
    let scalar = graph.add(constant: .floats([2]), [], name: "w")
    #expect(scalar == "w_2")
    graph.add(
      "Conv", ["x", floats, negative],
      ["pads": .integers([0, -3, 200]), "group": .integer(1), "alpha": .float(0.25)], name: "y")
    let bytes = try Self.write(graph)
    #expect(try Self.write(graph) == bytes, "The same contents give the same bytes.")
    let parsed = try ParsedONNX(bytes)
    #expect(parsed.formatVersion == 8 && parsed.operatorVersion == 17)
    #expect(parsed.metadata == ["a": "", "b": "2"])
    #expect(parsed.inputs == [.init(name: "x", element: 2, shape: ["N", "300"])])
    #expect(parsed.outputs == [.init(name: "y", element: 1, shape: ["N"])])
    let node = try #require(parsed.nodes.first)
    #expect(node.operation == "Conv" && node.name == "y" && node.outputs == ["y"])
    #expect(node.inputs == ["x", "w", "axes"])
    #expect(node.integers == ["pads": [0, -3, 200], "group": [1], "alpha": []])
    let axes = try #require(parsed.initializers["axes"])
    #expect(axes.dimensions == [2] && axes.element == 7)
    #expect(
      axes.bytes == Array(repeating: 255, count: 8) + [0, 0, 0, 0, 0, 1, 0, 0])
    let w = try #require(parsed.initializers["w"])
    #expect(w.dimensions == [3, 1] && w.element == 1)
    #expect(w.bytes == [0, 0, 128, 63, 0, 0, 0, 191, 0, 0, 32, 64])
    #expect(parsed.initializers["w_2"]?.dimensions == [])
  }

  @Test func `a file over the format's limit is refused with both numbers`() throws {
    var graph = ONNXGraph()
    _ = graph.add(constant: .floats(Array(repeating: 0, count: 100)), [100], name: "w")
    let length = try ONNXModel(graph, documentation: "", metadata: [:]).byteCount
    #expect(length > 400)
    _ = try ONNXModel(graph, documentation: "", metadata: [:], limit: length)
    let error = #expect(throws: ONNXError.tooLarge(byteCount: length, limit: length - 1)) {
      try ONNXModel(graph, documentation: "", metadata: [:], limit: length - 1)
    }
    #expect(error.map { "\($0)".contains("\(length) bytes") } == true)
    #expect(ONNXModel.largestByteCount == Int(Int32.max))
  }

  @Test func `operations that only training has are refused by name`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [1, 4])
    recorder.output("y", x.logSumExpOfRows())
    var graph = ONNXGraph()
    #expect(throws: ONNXError.unsupported(operation: "logSumExpOfRows")) {
      try graph.add(recorder.graph, inputs: [:], values: [:])
    }
    #expect(graph.nodes.isEmpty, "What failed has left nothing.")
  }

  @Test func `rows of one picture become rows of all`() throws {
    let recorder = Recorder()
    let x = recorder.input("x", [3, 4])
    recorder.output("y", x.rows(0..<1) + x.rows(2..<3))
    recorder.output("z", x.rows(1..<3))
    var graph = ONNXGraph()
    try graph.add(recorder.graph, inputs: ["x": "given"], values: [:])
    let operations = graph.nodes.map(\.operation)
    #expect(operations == ["Split", "Add", "Concat"], "One splitting serves all.")
    let parts = graph.nodes[0].outputs
    #expect(graph.nodes[0].inputs == ["given"] && parts.count == 3)
    #expect(graph.nodes[1].inputs == [parts[0], parts[2]] && graph.nodes[1].outputs == ["y"])
    #expect(graph.nodes[2].inputs == [parts[1], parts[2]] && graph.nodes[2].outputs == ["z"])
    let weight = recorder.variable("w", [3, 4])
    recorder.output("v", weight.rows(0..<1))
    #expect(throws: ONNXError.self) {
      try graph.add(
        recorder.graph, inputs: [:], values: ["w": Array(repeating: 0, count: 12)])
    }
  }

  @Test(arguments: 1...7) func `a disk that fails leaves the old file, and nothing beside it`(
    change: Int
  ) throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.onnx"
    try Data("old".utf8).write(to: URL(fileURLWithPath: path))
    var graph = ONNXGraph()
    _ = graph.add(constant: .floats([1, 2]), [2], name: "w")
    let file = try ONNXModel(graph, documentation: "", metadata: [:])
    // Making the file, its three pieces, flushing, closing, renaming: each change in turn.
    #expect(throws: FileSystemError.self) {
      try file.write(to: path, fileSystem: FaultyFileSystem(failing: change, recovers: true))
    }
    #expect(try DiskFileSystem().read(path) == Array("old".utf8))
    #expect(try DiskFileSystem().names(in: folder.path) == ["model.onnx"])
  }
}
