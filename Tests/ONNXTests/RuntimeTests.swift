import Encoders
import Foundation
import Images
import NeuralNetworks
import ONNX
import OneDNNLowering
import PythonInterpreter
import TensorGraph
import Tensors
import Testing

private let hasRuntime = PythonInterpreter.has("onnxruntime", "numpy", "PIL")

/// The model's file, read by `onnx`'s own checker where that is installed, and run by ONNX Runtime and, where that is
/// installed, by OpenVINO: `[runtime: [output: [[number]]]]`.
private let script = """
  import importlib.util, json, sys
  import numpy, onnxruntime
  model, data, kind, *shape = sys.argv[1:]
  pictures = numpy.fromfile(data, kind).reshape([int(n) for n in shape])
  results = {}
  if importlib.util.find_spec("onnx"):
      import onnx
      onnx.checker.check_model(model, full_check=True)
  session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
  names = [output.name for output in session.get_outputs()]
  given = session.get_inputs()[0].name
  results["onnxruntime"] = dict(zip(names, session.run(names, {given: pictures})))
  if importlib.util.find_spec("openvino"):
      import openvino
      compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
      found = compiled({given: pictures})
      results["openvino"] = {name: found[name] for name in names}
  print(json.dumps({r: {n: v.tolist() for n, v in o.items()} for r, o in results.items()}))
  """

/// How near a vector is to ours.
private struct Nearness {
  let cosine: Double
  /// Its length over ours.
  let ratio: Double

  init(_ x: [Float], _ y: [Float]) {
    func product(_ x: [Float], _ y: [Float]) -> Double {
      zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    cosine = product(x, y) / (product(x, x) * product(y, y)).squareRoot()
    ratio = (product(x, x) / product(y, y)).squareRoot()
  }
}

/// A model of a test: an encoder, the side and channels of its pictures, and whether it has a head.
private struct ModelCase: CustomStringConvertible, Sendable {
  let encoder: EncoderConfiguration
  let side: Int
  var channels = 3
  let hasHead: Bool
  var blocks = FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: true)

  var description: String {
    "\(encoder.architecture) ×\(encoder.width) \(encoder.stem), \(side) px, \(channels) channels, \(hasHead ? blocks.names.joined(separator: " ") : "no head")"
  }

  var model: EncoderModel {
    drawnModel(encoder, side: side, channels: channels, hasHead: hasHead, blocks: blocks)
  }
}

/// What other runtimes compute from our ONNX files.
@Suite(.enabled(if: hasRuntime, "BYOL_PYTHON names no interpreter with onnxruntime and Pillow"))
struct `ONNX files in other runtimes` {
  private static func theirs(
    _ file: String, _ values: [some BitwiseCopyable], kind: String, shape: [Int], in folder: String
  ) throws -> [String: [String: [[Float]]]] {
    let path = folder + "/pictures"
    let data = unsafe values.withUnsafeBytes { unsafe Data($0) }
    try data.write(to: URL(fileURLWithPath: path))
    let text = try #require(
      PythonInterpreter.output(["-c", script, file, path, kind] + shape.map(String.init)),
      "the script failed")
    return try JSONDecoder().decode([String: [String: [[Float]]]].self, from: text)
  }

  private static func ours(_ model: EncoderModel, _ pictures: [Raster]) throws -> [[Float]] {
    let lowering = OneDNNLowering(threads: ThreadBudget(1), precision: .float32)
    return try EmbeddingEncoder(model, lowering: lowering).embed(pictures)
  }

  /// Pictures `[S, S, C]` one after the other as `[N, C, S, S]`.
  private static func channelsFirst(_ pictures: [[Float]], channels: Int) -> [Float] {
    pictures.flatMap { picture in
      (0..<channels).flatMap { channel in
        stride(from: channel, to: picture.count, by: channels).map { picture[$0] }
      }
    }
  }

  @Test(
    arguments: [
      ModelCase(
        encoder: .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 32, hasHead: true),
      ModelCase(
        encoder: .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 33, channels: 1,
        hasHead: true),
      ModelCase(
        encoder: .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 38, hasHead: true,
        blocks: FeatureBlocks(stages: 4, hasQuadrants: false, hasHalfScale: true)),
      ModelCase(
        encoder: .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 32, hasHead: true,
        blocks: FeatureBlocks(stages: 4, hasQuadrants: true, hasHalfScale: false)),
      ModelCase(
        encoder: .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 32, hasHead: false
      ),
      ModelCase(encoder: .init(architecture: .resnet18), side: 64, hasHead: false),
      ModelCase(encoder: .init(architecture: .resnet18), side: 64, channels: 1, hasHead: true),
      ModelCase(
        encoder: .init(architecture: .resnet34, width: 0.5, stem: .cifar), side: 32, hasHead: true),
      ModelCase(encoder: .init(architecture: .resnet50), side: 64, hasHead: true),
      ModelCase(
        encoder: .init(architecture: .resnet50, width: 0.5, stem: .cifar), side: 32, hasHead: false),
      ModelCase(encoder: .init(architecture: .resnet101, width: 0.25), side: 64, hasHead: true),
      ModelCase(
        encoder: .init(architecture: .resnet152, width: 0.25), side: 64, channels: 4, hasHead: true),
    ])
  private func `batches of one and of five give our vectors`(_ asked: ModelCase) throws {
    let folder = try TemporaryFolder()
    let (model, file) = (asked.model, folder.path + "/model.onnx")
    try model.onnx(fingerprint: "").write(to: file)
    let pictures = drawnPictures(5, side: asked.side, channels: asked.channels)
    let ours = try Self.ours(model, pictures)
    let transform = EvaluationTransform(
      side: asked.side, resizedSide: asked.side, normalization: model.normalization)
    for count in [1, 5] {
      let values = Self.channelsFirst(
        pictures.prefix(count).map { transform($0) }, channels: asked.channels)
      let all = try Self.theirs(
        file, values, kind: "float32", shape: [count, asked.channels, asked.side, asked.side],
        in: folder.path)
      for (runtime, outputs) in all {
        let vectors = try #require(outputs["embedding"])
        let normalized = try #require(outputs["embedding_normalized"])
        #expect(vectors.count == count && vectors[0].count == model.dimension)
        for (index, vector) in vectors.enumerated() {
          let nearness = Nearness(vector, ours[index])
          let unit = Nearness(normalized[index], l2Normalized(ours[index], dimension: vector.count))
          #expect(nearness.cosine > 1 - 1e-6, "\(runtime) \(nearness)")
          #expect(abs(nearness.ratio - 1) < 1e-4, "\(runtime) \(nearness)")
          #expect(unit.cosine > 1 - 1e-6 && abs(unit.ratio - 1) < 1e-5, "\(runtime) \(unit)")
        }
      }
    }
  }

  @Test(arguments: [false, true]) func `a file that takes bytes gives the same vectors`(
    hasHead: Bool
  )
    throws
  {
    let folder = try TemporaryFolder()
    let (side, file) = (32, folder.path + "/model.onnx")
    let model = drawnModel(
      .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: side, hasHead: hasHead)
    try model.onnx(fingerprint: "", takesPixels: true).write(to: file)
    let pictures = drawnPictures(5, side: side)
    let ours = try Self.ours(model, pictures)
    let all = try Self.theirs(
      file, pictures.flatMap(\.pixels), kind: "uint8", shape: [5, side, side, 3], in: folder.path)
    for (runtime, outputs) in all {
      let vectors = try #require(outputs["embedding"])
      for (vector, our) in zip(vectors, ours) {
        #expect(Nearness(vector, our).cosine > 1 - 1e-6, "\(runtime)")
      }
    }
  }

  /// Negative control: what a wrong file would give is told apart from ours.
  @Test func `pictures with another normalisation, and quadrants that changed places, are noticed`()
    throws
  {
    let folder = try TemporaryFolder()
    let (side, file) = (32, folder.path + "/model.onnx")
    var model = drawnModel(
      .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: side, hasHead: true)
    let picture = drawnPictures(1, side: side)
    let ours = try Self.ours(model, picture)[0]
    model.normalization = .identity(channels: 3)
    try model.onnx(fingerprint: "", takesPixels: true).write(to: file)
    func cosines() throws -> [Double] {
      try Self.theirs(
        file, picture[0].pixels, kind: "uint8", shape: [1, side, side, 3], in: folder.path
      ).values.map { Nearness(try #require($0["embedding"])[0], ours).cosine }
    }
    #expect(try cosines().allSatisfy { $0 < 0.9999 })
    model.normalization = Normalization()
    var head = try #require(model.head)
    (head.weights[5].values, head.weights[8].values) = (
      head.weights[8].values, head.weights[5].values
    )
    model.head = head
    try model.onnx(fingerprint: "", takesPixels: true).write(to: file)
    #expect(try cosines().allSatisfy { $0 < 0.9999 })
  }

  @Test(arguments: [false, true], [(100, 75), (61, 230)])
  func `the script of the documents embeds a picture file as we do`(
    takesPixels: Bool, size: (width: Int, height: Int)
  ) throws {
    let folder = try TemporaryFolder()
    let (file, picture) = (folder.path + "/model.onnx", folder.path + "/picture.png")
    let model = drawnModel(
      .init(architecture: .resnet18, width: 0.25), side: 128, hasHead: true)
    try model.onnx(fingerprint: "", takesPixels: takesPixels).write(to: file)
    let image = Raster(
      width: size.width, height: size.height,
      pixels: drawn(size.width * size.height * 3, 90).map { UInt8(($0 + 1) * 127) })
    try Data(try image.png()).write(to: URL(fileURLWithPath: picture))
    let ours = try Self.ours(model, [image])[0]
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Scripts/onnx_embedding.py").path
    let text = try #require(PythonInterpreter.output([path, file, picture]), "the script failed")
    let theirs = try JSONDecoder().decode([Float].self, from: text)
    let nearness = Nearness(theirs, l2Normalized(ours, dimension: ours.count))
    #expect(nearness.cosine > 0.9999 && abs(nearness.ratio - 1) < 1e-5, "\(nearness)")
  }

  /// The lines stand in docs/models.md, where people copy them from.
  @Test func `the lines of Python in the documents give our vector from a picture file`() throws {
    let folder = try TemporaryFolder()
    let names = ["model-with-preprocessing.onnx", "cat.jpg"]
    let model = drawnModel(
      .init(architecture: .resnet18, width: 0.25), side: 128, hasHead: true)
    try model.onnx(fingerprint: "", takesPixels: true).write(to: folder.path + "/" + names[0])
    let image = Raster(
      width: 200, height: 150, pixels: drawn(200 * 150 * 3, 91).map { UInt8(($0 + 1) * 127) })
    // Pillow tells a file's format by its bytes.
    try Data(try image.png()).write(to: URL(fileURLWithPath: folder.path + "/" + names[1]))
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "docs/models.md")
    let lines = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n")
    let first = try #require(lines.firstIndex(of: "    import numpy, onnxruntime"))
    var code = lines[first...].prefix { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
    #expect(code.count < 14 && names.allSatisfy { name in code.contains { $0.contains(name) } })
    code.insert("import os; os.chdir(\"\(folder.path)\")", at: 0)
    code.append("import json; print(json.dumps(vector.tolist()))")
    let text = try #require(
      PythonInterpreter.output(["-c", code.joined(separator: "\n")]), "the lines failed")
    let theirs = try JSONDecoder().decode([Float].self, from: text)
    let ours = try Self.ours(model, [image])[0]
    let nearness = Nearness(theirs, l2Normalized(ours, dimension: ours.count))
    #expect(nearness.cosine > 0.99999 && abs(nearness.ratio - 1) < 1e-5, "\(nearness)")
  }
}
