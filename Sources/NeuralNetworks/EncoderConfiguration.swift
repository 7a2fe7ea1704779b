/// Which residual network encodes the pictures (He et al. 2015, arXiv 1512.03385), in torchvision's shapes.
public struct EncoderConfiguration: Hashable, Sendable, Codable {
  /// The depth: the number in the name counts the weighted layers.
  public enum Architecture: String, Sendable, Codable, CaseIterable {
    case resnet18, resnet34, resnet50, resnet101, resnet152
  }

  /// The layers before the first stage.
  public enum Stem: String, Sendable, Codable, CaseIterable {
    /// 7×7 convolution of stride 2, then 3×3 max pooling of stride 2: divides the side by 4.
    case imagenet
    /// 3×3 convolution of stride 1 and no pooling, for pictures of about 32 pixels.
    case cifar
  }

  /// The allowed width factors.
  public static let widths: ClosedRange<Double> = 0.25...4

  /// The depth.
  public var architecture: Architecture
  /// Multiplies the channels of every layer; within `widths`.
  public var width: Double
  /// The layers before the first stage.
  public var stem: Stem

  /// A configuration; `width` must lie within `widths`.
  public init(architecture: Architecture, width: Double = 1, stem: Stem = .imagenet) {
    self.architecture = architecture
    self.width = width
    self.stem = stem
  }

  /// The channels of the representation: 512 or 2048 times the width.
  public var representationDimension: Int { 8 * stageChannels * expansion }

  /// Channels of the stem and of the first stage's inner layers: 64 times the width, rounded.
  public var stageChannels: Int { Int((64 * width).rounded()) }

  /// Output channels of a block over its inner channels: 1 for basic blocks, 4 for bottlenecks.
  public var expansion: Int {
    switch architecture {
    case .resnet18, .resnet34: 1
    case .resnet50, .resnet101, .resnet152: 4
    }
  }

  /// Blocks in each of the four stages.
  public var blocks: [Int] {
    switch architecture {
    case .resnet18: [2, 2, 2, 2]
    case .resnet34, .resnet50: [3, 4, 6, 3]
    case .resnet101: [3, 4, 23, 3]
    case .resnet152: [3, 8, 36, 3]
    }
  }
}
