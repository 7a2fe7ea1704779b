import Checkpoints
import Encoders
import NeuralNetworks
import ONNX
import Tensors
import Testing

/// The ONNX files of encoders: structure, names and metadata.
@Suite struct `ONNX files of encoders` {
  private static func parsed(
    _ model: EncoderModel, takesPixels: Bool = false
  ) throws -> ParsedONNX {
    let folder = try TemporaryFolder()
    try model.onnx(fingerprint: "f", takesPixels: takesPixels)
      .write(to: folder.path + "/model.onnx")
    return try ParsedONNX(bytes(of: folder.path + "/model.onnx"))
  }

  @Test(
    arguments: [
      EncoderConfiguration(architecture: .resnet18, width: 0.25, stem: .cifar),
      .init(architecture: .resnet18, width: 0.25), .init(architecture: .resnet34, width: 0.25),
      .init(architecture: .resnet50, width: 0.25, stem: .cifar),
      .init(architecture: .resnet101, width: 0.25), .init(architecture: .resnet152, width: 0.25),
    ], [false, true])
  func `every value is defined before it is read, once, and every constant is whole`(
    _ encoder: EncoderConfiguration, hasHead: Bool
  ) throws {
    let model = drawnModel(encoder, side: 32, hasHead: hasHead)
    for takesPixels in [false, true] {
      let file = try Self.parsed(model, takesPixels: takesPixels)
      var defined = Set(file.inputs.map(\.name)).union(file.initializers.keys)
      #expect(defined.count == file.inputs.count + file.initializers.count)
      for node in file.nodes {
        #expect(node.inputs.allSatisfy(defined.contains), "\(node.name) \(node.inputs)")
        for output in node.outputs {
          #expect(defined.insert(output).inserted, "\(output) is defined twice.")
        }
      }
      let read = Set(file.nodes.flatMap(\.inputs))
      for (name, constant) in file.initializers {
        #expect(read.contains(name), "Nothing reads \(name).")
        let size = constant.element == 1 ? 4 : 8
        #expect(constant.bytes.count == size * constant.dimensions.reduce(1, *), "\(name)")
      }
      #expect(file.outputs.allSatisfy { defined.contains($0.name) })
      let dimension = String(model.dimension)
      #expect(
        file.outputs == [
          .init(name: "embedding", element: 1, shape: ["N", dimension]),
          .init(name: "embedding_normalized", element: 1, shape: ["N", dimension]),
        ])
      #expect(
        file.inputs == [
          takesPixels
            ? .init(name: "pixels", element: 2, shape: ["N", "32", "32", "3"])
            : .init(name: "pictures", element: 1, shape: ["N", "3", "32", "32"])
        ])
    }
  }

  @Test func `weights keep their names, folded with the normalisations behind them`() throws {
    let model = drawnModel(
      .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: 32, hasHead: true)
    let file = try Self.parsed(model)
    let weights = model.tensors.filter { $0.shape.rank == 4 }
    #expect(weights.count == 20)
    for tensor in weights {
      let name = "encoder.\(tensor.name)"
      #expect(file.initializers[name]?.dimensions == tensor.shape.dimensions, "\(name)")
    }
    let head = try #require(model.head)
    for tensor in head.tensors {
      let bytes = tensor.values.flatMap { value in
        (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
      }
      #expect(file.initializers[tensor.name]?.bytes == bytes, "\(tensor.name)")
    }
    let operations = Set(file.nodes.map(\.operation))
    #expect(!operations.contains("BatchNormalization"))
    // The encoder's 20, and those of each quadrant with whitened patches at two sizes.
    #expect(file.nodes.count { $0.operation == "Conv" } == 28)
    #expect(file.nodes.count { $0.operation == "AveragePool" } == 4)
    #expect(file.nodes.contains { $0.name == "encoder.layer2.0.downsample.0" })
  }

  @Test(arguments: [32, 33]) func `quadrants are cut out of the pictures in the graph`(side: Int)
    throws
  {
    let model = drawnModel(
      .init(architecture: .resnet18, width: 0.25, stem: .cifar), side: side, hasHead: true)
    let file = try Self.parsed(model)
    let slices = file.nodes.filter { $0.operation == "Slice" }
    let far = UInt8(side - side / 2)
    let starts = try slices.map { try #require(file.initializers[$0.inputs[1]]).bytes }
    #expect(starts.map { [$0[0], $0[8]] } == [[0, 0], [0, far], [far, 0], [far, far]])
    let ends = try slices.map { try #require(file.initializers[$0.inputs[2]]).bytes }
    #expect(zip(starts, ends).allSatisfy { $1[0] - $0[0] == side / 2 && $1[8] - $0[8] == side / 2 })
    #expect(slices.allSatisfy { $0.inputs[0] == "pictures" })
    for slice in slices {
      let readers = file.nodes.filter { $0.inputs.first == slice.outputs[0] }.map(\.operation)
      #expect(readers.sorted() == ["AveragePool", "Conv"])
    }
    let bare = try Self.parsed(
      drawnModel(.init(architecture: .resnet18, width: 0.25), side: side, hasHead: false))
    #expect(!bare.nodes.contains { ["Slice", "Split"].contains($0.operation) })
  }

  @Test func `the metadata says what goes in and what comes out`() throws {
    let model = drawnModel(.init(architecture: .resnet18, width: 0.25), side: 224, hasHead: true)
    let metadata = try Self.parsed(model).metadata
    let expected = [
      "byol.fingerprint": "f", "byol.run": "run", "byol.step": "7", "byol.image_size": "224",
      "byol.mean": "0.485 0.456 0.406", "byol.deviation": "0.229 0.224 0.225",
      "byol.architecture": "resnet18", "byol.width": "0.25", "byol.stem": "imagenet",
      "byol.channels": "3", "byol.resized_short_side": "256", "byol.crop_side": "224",
      "byol.dimension": "7",
    ]
    for (key, value) in expected { #expect(metadata[key] == value, "\(key)") }
    #expect(metadata["format"] == nil)
    let words = try #require(metadata["byol.resize_and_crop"])
    #expect(words.contains("256 pixels") && words.contains("224 pixels"))
    let inside = try Self.parsed(model, takesPixels: true).metadata
    #expect(metadata["byol.preprocessing"]?.hasPrefix("Before the graph") == true)
    #expect(inside["byol.preprocessing"]?.hasPrefix("In the graph") == true)
  }

  @Test func `a model whose tensors do not fit is refused by the tensor's name`() throws {
    var model = drawnModel(.init(architecture: .resnet18, width: 0.25), side: 32, hasHead: false)
    model.tensors.removeAll { $0.name == "layer3.0.conv1.weight" }
    #expect(throws: EncoderModelError.tensor(name: "layer3.0.conv1.weight")) {
      try model.onnx(fingerprint: "f")
    }
  }

  @Test func `the file of a model file carries its fingerprint`() throws {
    let folder = try TemporaryFolder()
    let model = drawnModel(.init(architecture: .resnet18, width: 0.25), side: 32, hasHead: true)
    try model.safetensors.write(to: folder.path + "/model.safetensors")
    try EncoderModel.onnx(reading: folder.path + "/model.safetensors", takesPixels: false)
      .write(to: folder.path + "/model.onnx")
    let file = try ParsedONNX(bytes(of: folder.path + "/model.onnx"))
    #expect(file.metadata["byol.fingerprint"] == modelFingerprint(of: model.safetensors))
  }
}
