public import TensorGraph
import Tensors

extension NetworkScope {
  /// The representation `[N, D]` of pictures `[N, 3, H, W]`: a ResNet without its classifier.
  ///
  /// Shapes, strides and names are torchvision's (stride in a bottleneck's 3×3 convolution), under
  /// `name`; the first block of a stage projects its shortcut only where the shape changes.
  public func resNet(_ name: String, _ pictures: Tensor, _ configuration: EncoderConfiguration)
    -> Tensor
  {
    var x = stem(name, pictures, configuration)
    for (stage, blocks) in configuration.blocks.enumerated() {
      let channels = configuration.stageChannels << stage
      for block in 0..<blocks {
        let stride = stage > 0 && block == 0 ? 2 : 1
        let blockName = "\(name).layer\(stage + 1).\(block)"
        x =
          configuration.expansion == 1
          ? basicBlock(blockName, x, channels, stride) : bottleneck(blockName, x, channels, stride)
      }
    }
    return x.globalAveragePooled()
  }

  private func stem(_ name: String, _ x: Tensor, _ configuration: EncoderConfiguration) -> Tensor {
    let channels = configuration.stageChannels
    switch configuration.stem {
    case .imagenet:
      let y = convolution(
        "\(name).conv1", x, outputs: channels, size: 7, stride: 2, padding: 3)
      return batchNormalization("\(name).bn1", y, relu: true)
        .maxPooled(size: 3, stride: 2, padding: 1)
    case .cifar:
      let y = convolution("\(name).conv1", x, outputs: channels, size: 3, padding: 1)
      return batchNormalization("\(name).bn1", y, relu: true)
    }
  }

  /// Two 3×3 convolutions (He et al. 2015, fig. 5 left).
  private func basicBlock(_ name: String, _ x: Tensor, _ channels: Int, _ stride: Int) -> Tensor {
    let first = convolution(
      "\(name).conv1", x, outputs: channels, size: 3, stride: stride, padding: 1)
    let rectified = batchNormalization("\(name).bn1", first, relu: true)
    let second = convolution("\(name).conv2", rectified, outputs: channels, size: 3, padding: 1)
    let residual = shortcut(name, x, channels, stride)
    return batchNormalization("\(name).bn2", second, residual: residual, relu: true)
  }

  /// 1×1, 3×3, 1×1 convolutions (He et al. 2015, fig. 5 right).
  private func bottleneck(_ name: String, _ x: Tensor, _ channels: Int, _ stride: Int) -> Tensor {
    let first = convolution("\(name).conv1", x, outputs: channels, size: 1)
    let narrow = batchNormalization("\(name).bn1", first, relu: true)
    let second = convolution(
      "\(name).conv2", narrow, outputs: channels, size: 3, stride: stride, padding: 1)
    let filtered = batchNormalization("\(name).bn2", second, relu: true)
    let third = convolution("\(name).conv3", filtered, outputs: 4 * channels, size: 1)
    let residual = shortcut(name, x, 4 * channels, stride)
    return batchNormalization("\(name).bn3", third, residual: residual, relu: true)
  }

  private func shortcut(_ name: String, _ x: Tensor, _ channels: Int, _ stride: Int) -> Tensor {
    guard stride != 1 || x.shape[1] != channels else { return x }
    let y = convolution("\(name).downsample.0", x, outputs: channels, size: 1, stride: stride)
    return batchNormalization("\(name).downsample.1", y, relu: false)
  }
}
