import TensorGraph
import Tensors

/// A residual network (He et al. 2015, arXiv 1512.03385) without its classifier, in torchvision's shapes.
///
/// Shapes, strides and names are torchvision's (the stride of a bottleneck is in its 3×3 convolution); the first block of
/// a stage projects its shortcut only where the shape changes.
struct ResNet: Encoder {
  /// The layers before the first stage.
  let stem: EncoderConfiguration.Stem
  /// Blocks in each of the four stages.
  let blocks: [Int]
  /// Channels of the stem and of the first stage's inner layers: 64 times the width, rounded.
  let stageChannels: Int
  /// Output channels of a block over its inner channels: 1 for basic blocks, 4 for bottlenecks.
  let expansion: Int

  /// The network of a configuration's stem and width, with `blocks` in its stages: bottlenecks where `expansion` is 4.
  init(_ configuration: EncoderConfiguration, blocks: [Int], expansion: Int = 1) {
    stem = configuration.stem
    stageChannels = Int((64 * configuration.width).rounded())
    (self.blocks, self.expansion) = (blocks, expansion)
  }

  /// 512 or 2048 times the width.
  var dimension: Int { 8 * stageChannels * expansion }

  /// The ImageNet stem and three stages divide the side by 32.
  var leastSide: Int { stem == .imagenet ? 32 : 8 }

  func recordStages(_ pictures: Tensor, in module: Module) -> [Tensor] {
    var x = recordStem(pictures, module)
    var stages: [Tensor] = []
    for (stage, count) in blocks.enumerated() {
      for block in 0..<count {
        let stride = stage > 0 && block == 0 ? 2 : 1
        let inner = module.module("layer\(stage + 1)").module("\(block)")
        let channels = stageChannels << stage
        x =
          expansion == 1
          ? basicBlock(x, channels, stride, inner) : bottleneck(x, channels, stride, inner)
      }
      stages.append(x)
    }
    return stages
  }

  private func recordStem(_ x: Tensor, _ module: Module) -> Tensor {
    switch stem {
    case .imagenet:
      let y = module.convolution("conv1", x, outputs: stageChannels, size: 7, stride: 2, padding: 3)
      return module.batchNormalization("bn1", y, relu: true)
        .maxPooled(size: 3, stride: 2, padding: 1)
    case .cifar:
      let y = module.convolution("conv1", x, outputs: stageChannels, size: 3, padding: 1)
      return module.batchNormalization("bn1", y, relu: true)
    }
  }

  /// Two 3×3 convolutions (He et al. 2015, fig. 5 left).
  private func basicBlock(
    _ x: Tensor, _ channels: Int, _ stride: Int, _ module: Module
  ) -> Tensor {
    let first = module.convolution(
      "conv1", x, outputs: channels, size: 3, stride: stride, padding: 1)
    let rectified = module.batchNormalization("bn1", first, relu: true)
    let second = module.convolution("conv2", rectified, outputs: channels, size: 3, padding: 1)
    let residual = shortcut(x, channels, stride, module)
    return module.batchNormalization("bn2", second, residual: residual, relu: true)
  }

  /// 1×1, 3×3, 1×1 convolutions (He et al. 2015, fig. 5 right).
  private func bottleneck(
    _ x: Tensor, _ channels: Int, _ stride: Int, _ module: Module
  ) -> Tensor {
    let first = module.convolution("conv1", x, outputs: channels, size: 1)
    let narrow = module.batchNormalization("bn1", first, relu: true)
    let second = module.convolution(
      "conv2", narrow, outputs: channels, size: 3, stride: stride, padding: 1)
    let filtered = module.batchNormalization("bn2", second, relu: true)
    let third = module.convolution("conv3", filtered, outputs: 4 * channels, size: 1)
    let residual = shortcut(x, 4 * channels, stride, module)
    return module.batchNormalization("bn3", third, residual: residual, relu: true)
  }

  private func shortcut(
    _ x: Tensor, _ channels: Int, _ stride: Int, _ module: Module
  ) -> Tensor {
    guard stride != 1 || x.shape[1] != channels else { return x }
    let projection = module.module("downsample")
    let y = projection.convolution("0", x, outputs: channels, size: 1, stride: stride)
    return projection.batchNormalization("1", y, relu: false)
  }
}
