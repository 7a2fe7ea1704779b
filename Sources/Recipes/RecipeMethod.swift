import Images
public import Methods

extension Recipe {
  /// What the method reads of the recipe.
  public var methodSettings: MethodSettings {
    MethodSettings(
      encoder: encoder, views: augmentations.views(side: imageSize),
      projectorHidden: projectorHidden, projectorOutput: projectorOutput,
      predictorHidden: predictorHidden, temperature: 0.5)
  }

  /// The method with the recipe's settings.
  public var learning: any Method { BYOL(methodSettings) }
}
