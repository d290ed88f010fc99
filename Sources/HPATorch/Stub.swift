import HPACore
