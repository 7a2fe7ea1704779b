public import Checkpoints
public import Images
import NeuralNetworks
public import Tensors

/// Why a file that another program wrote is no model that can be used: every tensor that does not fit, by name.
public struct ForeignModelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with one tensor.
  public enum Fault: Hashable, Sendable {
    /// The network has such a tensor, and the file does not.
    case missing
    /// The file has such a tensor, and the network does not.
    case unknown
    /// Its shape in the file, and the network's.
    case shape(Shape, expected: Shape)

    /// A few words.
    public var description: String {
      switch self {
      case .missing: "is missing"
      case .unknown: "belongs to no layer of this network"
      case .shape(let found, let expected): "has the shape \(found), not \(expected)"
      }
    }
  }

  /// What the file was taken for, or why it could be taken for nothing.
  public var reason: String
  /// The tensors at fault, in the order of their names.
  public var tensors: [(name: String, fault: Fault)] {
    faults.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
  var faults: [String: Fault] = [:]

  /// Tensors that a sentence names; the rest is counted.
  private static let named = 8

  /// The reason and the first tensors at fault.
  public var description: String {
    guard !faults.isEmpty else { return reason }
    let shown = tensors.prefix(Self.named).map { "\($0.name) \($0.fault.description)" }
    let more = faults.count > shown.count ? "; and \(faults.count - shown.count) more" : ""
    return "\(reason) \(shown.joined(separator: "; "))\(more)."
  }
}

extension EncoderModel {
  /// A ResNet whose weights another program wrote under torchvision's names, which are also timm's. Architecture, width and stem
  /// are read off the tensors' names and shapes. Its representation is the mean of the last stage; a classifier `fc` is left out.
  ///
  /// Such a file does not say how pictures are prepared: `imageSize` is the side of the square in pixels, 224 or, for a first convolution
  /// of 3×3, 32 by default; without a `normalization` it is ImageNet's, which is for three channels.
  ///
  /// - Throws: `ForeignModelError`, which names every tensor that does not fit.
  public init(
    foreign file: Safetensors, imageSize: Int? = nil, normalization: Normalization? = nil
  ) throws(ForeignModelError) {
    let given = file.arrays.filter { !Self.isLeftOut($0.name) }
    let encoder = try Self.encoder(of: given)
    let channels = given.first { $0.name == Self.firstFilter }?.shape[1] ?? 0
    let normalization = normalization ?? Normalization()
    guard Raster.channelCounts.contains(channels), normalization.channels == channels else {
      throw ForeignModelError(
        reason: "The first convolution takes \(channels) channels, and the mean and deviation are "
          + "given for \(normalization.channels).")
    }
    let side = imageSize ?? (encoder.stem == .imagenet ? 224 : 32)
    guard side >= encoder.network.leastSide else {
      throw ForeignModelError(
        reason:
          "Pictures of \(side) pixels are too small for its \(encoder.stem.rawValue) stem, which needs "
          + "\(encoder.network.leastSide).")
    }
    // Recorded, not computed: the names and shapes of a network as it would be drawn.
    let drawn = EncoderModel(
      random: encoder, imageSize: side, normalization: normalization, seed: 0)
    var error = ForeignModelError(reason: "As a \(encoder.text) it does not fit:")
    let tensors = Dictionary(given.map { ($0.name, $0) }) { $1 }
    var kept: [NamedTensor] = []
    for expected in drawn.tensors {
      guard let found = tensors[expected.name]?.tensor else {
        error.faults[expected.name] = .missing
        continue
      }
      if found.shape != expected.shape {
        error.faults[expected.name] = .shape(found.shape, expected: expected.shape)
      }
      kept.append(found)
    }
    let known = Set(drawn.tensors.map(\.name))
    for name in tensors.keys where !known.contains(name) { error.faults[name] = .unknown }
    guard error.faults.isEmpty else { throw error }
    self.init(encoder: encoder, imageSize: side, normalization: normalization, tensors: kept)
  }

  private static let firstFilter = "conv1.weight"

  /// The classifier, and counters that only training reads.
  private static func isLeftOut(_ name: String) -> Bool {
    ["fc.weight", "fc.bias"].contains(name) || name.hasSuffix(".num_batches_tracked")
  }

  /// Which network has tensors of such names and shapes.
  private static func encoder(
    of arrays: [CheckpointArray]
  ) throws(ForeignModelError) -> EncoderConfiguration {
    let names = Set(arrays.map(\.name))
    guard let filter = arrays.first(where: { $0.name == firstFilter }), filter.shape.rank == 4
    else {
      throw ForeignModelError(
        reason: "It is no ResNet under torchvision's names: it has no tensor conv1.weight of four "
          + "dimensions. Its first tensors are \(list(arrays.map(\.name))).")
    }
    let stem: EncoderConfiguration.Stem
    switch filter.shape[2] {
    case 7: stem = .imagenet
    case 3: stem = .cifar
    case let size:
      throw ForeignModelError(
        reason: "Its first convolution is \(size)×\(size); 7×7 of stride 2 and 3×3 are known.")
    }
    // By any tensor of a block, so that one that lacks a tensor is named by what it lacks.
    let parts = names.map { $0.split(separator: ".", maxSplits: 2) }.filter { $0.count == 3 }
    let blocks = (1...4).map { stage in
      Set(parts.filter { $0[0] == "layer\(stage)" }.map { $0[1] }).count
    }
    let isBottleneck = parts.contains { $0[0].hasPrefix("layer") && $0[2] == "conv3.weight" }
    let known: [EncoderConfiguration.Architecture: ([Int], Bool)] = [
      .resnet18: ([2, 2, 2, 2], false), .resnet34: ([3, 4, 6, 3], false),
      .resnet50: ([3, 4, 6, 3], true), .resnet101: ([3, 4, 23, 3], true),
      .resnet152: ([3, 8, 36, 3], true),
    ]
    guard let found = known.first(where: { $0.value == (blocks, isBottleneck) })?.key else {
      let kind = isBottleneck ? "bottlenecks" : "basic blocks"
      throw ForeignModelError(
        reason:
          "It has \(blocks.map(String.init).joined(separator: ", ")) \(kind) in its four stages; "
          + "known are \(EncoderConfiguration.Architecture.allCases.map(\.rawValue).joined(separator: ", "))."
      )
    }
    let width = Double(filter.shape[0]) / 64
    guard EncoderConfiguration.widths.contains(width) else {
      throw ForeignModelError(
        reason: "Its first convolution has \(filter.shape[0]) filters; 16…256 are allowed.")
    }
    return EncoderConfiguration(architecture: found, width: width, stem: stem)
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.sorted().prefix(3).joined(separator: ", ")
  }
}

extension EncoderConfiguration {
  fileprivate var text: String {
    "\(architecture.rawValue) of width \(width), \(stem.rawValue) stem,"
  }
}
