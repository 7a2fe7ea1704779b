/// Which encoder turns pictures into representations: what recipes and model files say of it.
public struct EncoderConfiguration: Hashable, Sendable, Codable {
  /// The kind of network; ResNets' numbers count the layers with weights.
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

  /// The kind of network.
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

  /// The network that this describes.
  public var network: any Encoder {
    switch architecture {
    case .resnet18: ResNet(self, blocks: [2, 2, 2, 2])
    case .resnet34: ResNet(self, blocks: [3, 4, 6, 3])
    case .resnet50: ResNet(self, blocks: [3, 4, 6, 3], expansion: 4)
    case .resnet101: ResNet(self, blocks: [3, 4, 23, 3], expansion: 4)
    case .resnet152: ResNet(self, blocks: [3, 8, 36, 3], expansion: 4)
    }
  }

  /// The components of the representation.
  public var representationDimension: Int { network.dimension }
}
